"""What the Snakefile imports: the matrix, resources, and the cluster's ways."""
