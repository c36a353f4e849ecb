"""The commands of `tilewright`, one file each: light to import, they load what they need when run."""
