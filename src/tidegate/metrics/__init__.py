"""Where numbers come from that no gateway reports: one port, built-in kinds of sources, and those of plug-ins."""
