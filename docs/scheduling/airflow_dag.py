"""The report by Airflow's papermill operator.

Install apache-airflow-providers-papermill, and put this file into the dags folder. A task that is tried
again has the same run id, the logical date, and pays nothing twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG

FOLDER = "/srv/nightly"

with DAG(
    "ragnb_report",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # they share a home
) as dag:
    PapermillOperator(
        task_id="report",
        # A copy of the report's notebook, which docs/scheduling.md says how to find.
        input_nb=f"{FOLDER}/report.ipynb",
        output_nb=FOLDER + "/out/{{ ds }}/report.ipynb",
        parameters={
            "questions": f"{FOLDER}/questions.jsonl",
            "corpus": f"{FOLDER}/handbook",
            "output": FOLDER + "/out/{{ ds }}",
            "home": f"{FOLDER}/.ragnb",
            "run": "nightly-{{ ds }}",
            "llm": "openai:gpt-4.1-mini",  # the key is in the worker's environment
            "budget": 2.0,
            "alerts": ["failed > 5%"],
        },
        retries=3,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(hours=4),
    )
