"""The commands of `tilewright`, one file each; they load what they need when they run."""
