"""Companies that move money, one package each, behind the application's ``Provider`` port."""
