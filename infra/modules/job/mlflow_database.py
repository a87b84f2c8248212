"""Makes MLflow's database beside the decision log's, where there is none yet; libpq's variables say where."""

import psycopg

with psycopg.connect(dbname="aval", autocommit=True) as connection:
    # Two jobs that start at one moment make it one after the other; the lock ends with the connection.
    connection.execute("SELECT pg_advisory_lock(hashtext('make the database mlflow'))")
    if connection.execute("SELECT FROM pg_database WHERE datname = 'mlflow'").fetchone() is None:
        connection.execute("CREATE DATABASE mlflow")
