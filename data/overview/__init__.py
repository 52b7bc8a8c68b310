"""What people look at after prepare: a picture of each case, a table, and the page that holds them."""
