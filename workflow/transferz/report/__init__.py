"""How results are shown: figures, tables, pages and the summary paper."""
