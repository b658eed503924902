"""The pages of the report: each table as one self-contained HTML file, with the runs behind it."""
