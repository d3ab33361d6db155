"""How things look: tables, pictures, plots, progress. Everything foreign is escaped here."""
