"""The pictures of the tutorial: what its commands print, and virt-manager as it stands then."""
