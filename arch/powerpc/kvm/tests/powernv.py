# SPDX-License-Identifier: GPL-2.0-only
#
# For kunit.py run --qemu_config=: a POWER9 host, since the machine of --arch=powerpc
# has no hypervisor mode.
from ..qemu_config import QemuArchParams

QEMU_ARCH = QemuArchParams(linux_arch='powerpc',
                           kconfig='',
                           qemu_arch='ppc64',
                           kernel_path='vmlinux',
                           kernel_command_line='console=hvc0',
                           extra_qemu_params=['-M', 'powernv9', '-cpu', 'power9_v2.2',
                                              '-smp', '2'])
