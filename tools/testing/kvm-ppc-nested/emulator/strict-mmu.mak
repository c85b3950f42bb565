# The devices of the machines that the lab boots; ACPI is what IPMI needs to link.
CONFIG_POWERNV=y
CONFIG_PSERIES=y
CONFIG_ACPI=y
CONFIG_I2C=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
