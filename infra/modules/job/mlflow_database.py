import psycopg

with psycopg.connect(dbname="aval", autocommit=True) as connection:
    try:
        connection.execute("CREATE DATABASE mlflow")
    except psycopg.errors.DuplicateDatabase:
        pass
