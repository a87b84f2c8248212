"""Loan approval: will this applicant pay on time?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.use_case import (
    About,
    Column,
    ColumnType,
    Contract,
    Costs,
    FairnessProfile,
    Monitoring,
    Objective,
    Outcome,
    ReasonText,
    Requirements,
    Role,
    UseCase,
)

if TYPE_CHECKING:
    import pandas as pd

YOUNGEST_WORKER = 16
LOWEST_SCORE, HIGHEST_SCORE = 300, 850

CONTRACT = Contract(
    use_case="loan_approval",
    language="es",
    title="Loan approval",
    local_title="Aprobación de préstamos",
    description="Late payment among applicants for a personal loan. In the data target = 1 is the good outcome.",
    local_description="Pago atrasado entre solicitantes de un préstamo personal. "
    "En los datos, target = 1 es el buen resultado.",
    columns=(
        Column(
            name="income",
            type=ColumnType.NUMBER,
            title="Yearly income",
            local_title="Ingreso anual",
            description="Yearly income",
            local_description="Ingreso anual",
            unit="currency units per year",
            local_unit="unidades monetarias por año",
            minimum=0,
            maximum=1e9,
            example=48000,
        ),
        Column(
            name="age",
            type=ColumnType.INTEGER,
            role=Role.PROTECTED,
            title="Age",
            local_title="Edad",
            description="Age of the applicant",
            local_description="Edad del solicitante",
            unit="years",
            local_unit="años",
            minimum=18,
            maximum=120,
            example=41,
        ),
        Column(
            name="employment_length",
            type=ColumnType.NUMBER,
            title="Time in employment",
            local_title="Antigüedad laboral",
            description="Time in employment",
            local_description="Tiempo en el empleo",
            unit="years",
            local_unit="años",
            minimum=0,
            maximum=70,
            example=7,
            changeable=False,
        ),
        Column(
            name="loan_amount",
            type=ColumnType.NUMBER,
            title="Loan amount",
            local_title="Monto del préstamo",
            description="Amount of the loan",
            local_description="Monto del préstamo",
            unit="currency units",
            local_unit="unidades monetarias",
            minimum=1,
            maximum=1e8,
            example=9500,
        ),
        Column(
            name="credit_score",
            type=ColumnType.NUMBER,
            title="Credit score",
            local_title="Puntaje de crédito",
            description="Credit bureau score, 850 the best",
            local_description="Puntaje del buró de crédito; 850 es el mejor",
            unit="points",
            local_unit="puntos",
            minimum=LOWEST_SCORE,
            maximum=HIGHEST_SCORE,
            example=690,
        ),
    ),
    outcome=Outcome(name="target", bad=(0,), good=(1,), description="1 = pays on time, 0 = does not"),
)

REASONS = {
    "income": ReasonText("INCOME", "Yearly income", "Ingreso anual"),
    "employment_length": ReasonText("EMPLOYMENT_LENGTH", "Time in employment", "Antigüedad laboral"),
    "loan_amount": ReasonText("LOAN_AMOUNT", "Amount of the loan", "Monto del préstamo"),
    "credit_score": ReasonText("CREDIT_SCORE", "Credit bureau score", "Puntaje del buró de crédito"),
}


def generate(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return applicants drawn from a stream that `rng` seeds; see `draw`."""
    return draw(np.random.RandomState(rng.integers(2**32)), rows)


def draw(stream: np.random.RandomState, rows: int) -> pd.DataFrame:
    """Return applicants by the formula and order of draws of the original system (seed 42, 1,000 rows, there).

    What that formula makes impossible is put right after its six draws, so that all other rows stay as they
    were: incomes below 0, amounts below 1 and scores outside 300 to 850 are drawn again, and employment ends
    at the years since the age of 16. The outcome follows from the values put right.
    """
    import pandas as pd

    income = stream.normal(50000, 15000, rows)
    age = stream.randint(18, 70, rows)
    employment_length = stream.randint(0, 20, rows)
    loan_amount = stream.normal(10000, 5000, rows)
    credit_score = stream.normal(700, 100, rows)
    noise = stream.normal(0, 0.1, rows)
    _draw_again(stream, income, (50000, 15000), (0, np.inf))
    _draw_again(stream, loan_amount, (10000, 5000), (1, np.inf))
    _draw_again(stream, credit_score, (700, 100), (LOWEST_SCORE, HIGHEST_SCORE))
    employment_length = np.minimum(employment_length, age - YOUNGEST_WORKER)
    merit = 0.4 * income / 50000 + 0.2 * age / 50 + 0.1 * employment_length / 10
    merit += 0.2 * credit_score / 700 - 0.1 * loan_amount / 10000 + noise
    return pd.DataFrame(
        {
            "income": income,
            "age": age,
            "employment_length": employment_length,
            "loan_amount": loan_amount,
            "credit_score": credit_score,
            "target": (merit > 0.5).astype(int),
        }
    )


def _draw_again(
    stream: np.random.RandomState,
    values: np.ndarray,
    normal: tuple[float, float],
    limits: tuple[float, float],
) -> None:
    """Replace what lies outside the limits, in place, until nothing does."""
    while (outside := (values < limits[0]) | (values > limits[1])).any():
        values[outside] = stream.normal(*normal, int(outside.sum()))


ABOUT = About(
    purpose="Say how likely an applicant for a personal loan is to pay late. It shows the product without any data "
    "of one's own, and whether a training finds what is known to be there.",
    stakeholders=(
        "data scientists: try the product and check a training against a known truth",
        "lending: owns the costs and the cut-offs, once there are applicants of its own",
        "model validation: knows the best that any model can reach",
    ),
    success=(
        "ROC AUC within 0.005 of the best that the columns in use allow, on 100,000 rows; at least 0.88 on any sample",
        "calibration no worse than without a calibrator, Brier score at most 0.075",
        "no age group's approval rate is clearly below four fifths of the most approved group's",
    ),
    limits=(
        "Every row is generated by a formula: no figure here says anything about a real applicant.",
        "No model for decisions about people: train on cases of your own first.",
        "The formula rewards age, which is no input: late payment among the young is understated, among the old "
        "overstated, and calibration within age groups shows it.",
        "Columns do not hang together as they do in life: income and score, for one, are independent of age.",
        "Incomes below 0, amounts below 1 and scores outside 300 to 850, which the formula makes, are drawn again.",
    ),
)

REQUIREMENTS = Requirements(least_roc_auc=0.88, least_pr_auc=0.45, most_brier=0.075, most_cost_per_case=250)

USE_CASE = UseCase(
    contract=CONTRACT,
    # A bad loan loses about half of the mean amount (10,000), a refused good one its interest, about a tenth.
    costs=Costs(false_approve=5000, false_decline=1000, review=600, currency="currency units"),
    reasons=REASONS,
    source="generated: the original system had a formula and no data",
    generate=generate,
    # The costs are assumed, and the truth behind the outcomes is a probability.
    objective=Objective.LOG_LOSS,
    about=ABOUT,
    requirements=REQUIREMENTS,
    # Scores of 300 to 850 are American, and so is the law.
    fairness=FairnessProfile.US,
    # Late is who is 90 days behind.
    monitoring=Monitoring(maturity_days=90),
)
