"""Makes MLflow's database beside the decision log's, where there is none yet; libpq's variables say where."""

from contextlib import suppress

import psycopg

with (
    psycopg.connect(dbname="aval", autocommit=True) as connection,
    suppress(psycopg.errors.DuplicateDatabase),
):
    connection.execute("CREATE DATABASE mlflow")
