# SPDX-License-Identifier: GPL-2.0-only
"""The lab around the overlay: packages, source, builds, images, chains."""
