"""What everything else needs of this computer: files, tools, processes, ports, the folder of one cloud."""
