"""Statistics, tables and pictures that every report is made of."""
