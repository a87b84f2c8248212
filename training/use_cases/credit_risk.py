"""Consumer loans with a lender's grade and rate: will this loan default?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.use_case import (
    About,
    Column,
    ColumnType,
    Contract,
    Costs,
    Derived,
    FairnessProfile,
    Monitoring,
    Objective,
    Operation,
    Outcome,
    ReasonText,
    Requirements,
    Role,
    UseCase,
)

if TYPE_CHECKING:
    import pandas as pd

OWNERSHIP = ("RENT", "MORTGAGE", "OWN", "OTHER")
INTENTS = ("EDUCATION", "MEDICAL", "VENTURE", "PERSONAL", "DEBTCONSOLIDATION", "HOMEIMPROVEMENT")
GRADES = ("A", "B", "C", "D", "E", "F", "G")

CONTRACT = Contract(
    use_case="credit_risk",
    language="es",
    title="Credit risk of consumer loans",
    local_title="Riesgo de crédito de préstamos de consumo",
    description="Default on a consumer loan. Amounts are in whole currency units, times in years. Grade and rate "
    "come from the lender's own underwriting: right for a portfolio, not known before an application is judged.",
    local_description="Incumplimiento de un préstamo de consumo. Los montos están en unidades monetarias enteras, "
    "los tiempos en años. La calificación y la tasa vienen de la propia evaluación del prestamista: "
    "sirven para una cartera y no se conocen antes de evaluar una solicitud.",
    columns=(
        Column(
            name="person_age",
            type=ColumnType.INTEGER,
            role=Role.PROTECTED,
            title="Age",
            local_title="Edad",
            description="Age of the borrower",
            local_description="Edad del prestatario",
            unit="years",
            local_unit="años",
            minimum=18,
            maximum=120,
            example=22,
        ),
        Column(
            name="person_income",
            type=ColumnType.NUMBER,
            title="Yearly income",
            local_title="Ingreso anual",
            description="Yearly income, in units and not in thousands",
            local_description="Ingreso anual, en unidades y no en miles",
            unit="currency units per year",
            local_unit="unidades monetarias por año",
            minimum=0,
            maximum=1e9,
            example=59000,
        ),
        Column(
            name="person_home_ownership",
            type=ColumnType.CATEGORY,
            title="Home ownership",
            local_title="Vivienda",
            description="How the borrower lives",
            local_description="Cómo vive el prestatario: RENT alquila, MORTGAGE con hipoteca, OWN propia, OTHER otra",
            levels=OWNERSHIP,
            level_titles=("Rented", "Mortgaged", "Owned", "Other"),
            local_level_titles=("Alquilada", "Con hipoteca", "Propia", "Otra"),
            example="RENT",
            changeable=False,
        ),
        Column(
            name="person_emp_length",
            type=ColumnType.NUMBER,
            title="Time in employment",
            local_title="Antigüedad laboral",
            description="Time in employment; null where it is not known",
            local_description="Tiempo en el empleo; null si no se conoce",
            unit="years",
            local_unit="años",
            minimum=0,
            maximum=70,
            nullable=True,
            example=3,
            changeable=False,
        ),
        Column(
            name="loan_intent",
            type=ColumnType.CATEGORY,
            title="Purpose of the loan",
            local_title="Destino del préstamo",
            description="What the loan is for",
            local_description="Para qué es: EDUCATION educación, MEDICAL salud, VENTURE negocio, PERSONAL personal, "
            "DEBTCONSOLIDATION consolidación de deudas, HOMEIMPROVEMENT mejoras del hogar",
            levels=INTENTS,
            level_titles=(
                "Education",
                "Medical",
                "Venture",
                "Personal",
                "Debt consolidation",
                "Home improvement",
            ),
            local_level_titles=(
                "Educación",
                "Salud",
                "Negocio",
                "Personal",
                "Consolidación de deudas",
                "Mejoras del hogar",
            ),
            example="PERSONAL",
            changeable=False,
        ),
        Column(
            name="loan_grade",
            type=ColumnType.CATEGORY,
            title="Grade of the loan",
            local_title="Calificación del préstamo",
            description="The lender's grade, A the best",
            local_description="Calificación que da el prestamista; A es la mejor",
            levels=GRADES,
            example="D",
            changeable=False,
        ),
        Column(
            name="loan_amnt",
            type=ColumnType.NUMBER,
            title="Loan amount",
            local_title="Monto del préstamo",
            description="Amount of the loan, in units and not in thousands",
            local_description="Monto del préstamo, en unidades y no en miles",
            unit="currency units",
            local_unit="unidades monetarias",
            minimum=1,
            maximum=1e8,
            example=3500,
        ),
        Column(
            name="loan_int_rate",
            type=ColumnType.NUMBER,
            title="Interest rate",
            local_title="Tasa de interés",
            description="Yearly interest; null where it is not known",
            local_description="Tasa de interés anual; null si no se conoce",
            unit="%",
            local_unit="%",
            minimum=0,
            maximum=100,
            nullable=True,
            example=16.2,
            changeable=False,
        ),
        Column(
            name="loan_percent_income",
            type=ColumnType.NUMBER,
            title="Loan to income, as declared",
            local_title="Préstamo sobre ingreso, declarado",
            description="Loan amount divided by yearly income, as declared: a fraction, not per cent",
            local_description="Monto del préstamo dividido por el ingreso anual, según se declara: "
            "una fracción, no un porcentaje",
            unit="of yearly income",
            local_unit="del ingreso anual",
            minimum=0,
            maximum=10,
            example=0.06,
            follows=("loan_amnt", "person_income"),
        ),
        Column(
            name="cb_person_default_on_file",
            type=ColumnType.CATEGORY,
            title="Default on file",
            local_title="Incumplimiento registrado",
            description="Whether the credit bureau has an earlier default on file",
            local_description="Si el buró de crédito registra un incumplimiento anterior: Y sí, N no",
            levels=("Y", "N"),
            level_titles=("Yes", "No"),
            local_level_titles=("Sí", "No"),
            example="Y",
            changeable=False,
        ),
        Column(
            name="cb_person_cred_hist_length",
            type=ColumnType.NUMBER,
            title="Length of the credit history",
            local_title="Antigüedad crediticia",
            description="Length of the credit history",
            local_description="Antigüedad del historial de crédito",
            unit="years",
            local_unit="años",
            minimum=0,
            maximum=80,
            example=3,
            changeable=False,
        ),
    ),
    # The declared share has two decimals; this one has them all, which is worth 0.003 of AUC.
    derived=(
        Derived(
            name="loan_to_income",
            operation=Operation.RATIO,
            of=("loan_amnt", "person_income"),
            title="Loan to income",
            local_title="Préstamo sobre ingreso",
        ),
    ),
    outcome=Outcome(name="loan_status", bad=(1,), good=(0,), description="1 = defaulted, 0 = paid"),
)

# A rate follows from the grade: one fact, one code.
PRICING = ReasonText(
    "GRADE_AND_RATE",
    "Grade and interest rate given to the loan in underwriting",
    "Calificación y tasa de interés asignadas al préstamo en la evaluación",
)
TO_INCOME = ReasonText(
    "LOAN_TO_INCOME",
    "Loan amount relative to yearly income",
    "Monto del préstamo en relación con el ingreso anual",
)
REASONS = {
    "person_income": ReasonText("INCOME", "Yearly income", "Ingreso anual"),
    "person_home_ownership": ReasonText(
        "HOME_OWNERSHIP",
        "Whether the home is rented, mortgaged or owned",
        "Si la vivienda es alquilada, hipotecada o propia",
    ),
    "person_emp_length": ReasonText("EMPLOYMENT_LENGTH", "Time in employment", "Antigüedad laboral"),
    "loan_intent": ReasonText("LOAN_PURPOSE", "Purpose of the loan", "Destino del préstamo"),
    "loan_grade": PRICING,
    "loan_amnt": ReasonText("LOAN_AMOUNT", "Amount of the loan", "Monto del préstamo"),
    "loan_int_rate": PRICING,
    "loan_percent_income": TO_INCOME,
    "cb_person_default_on_file": ReasonText(
        "DEFAULT_ON_FILE",
        "Credit bureau record of earlier defaults",
        "Incumplimientos anteriores registrados en el buró de crédito",
    ),
    "cb_person_cred_hist_length": ReasonText(
        "CREDIT_HISTORY", "Length of the credit history", "Antigüedad del historial de crédito"
    ),
    "loan_to_income": TO_INCOME,
}

# By ownership: median income, log-odds of default, what a poor grade and a loan of over 0.305 incomes add to them.
MEDIAN_INCOME = np.array([48e3, 69e3, 47e3, 59e3])
BASE = np.array([-3.05, -3.45, -3.95, -2.65])
POOR_GRADE = np.array([3.4, 2.6, 1.5, 2.9])
LARGE_LOAN = np.array([6.5, 1.1, 1.6, 5.0])
INTENT = np.array([-0.4, 0.7, -0.8, -0.2, 0.8, 0.7])
MEAN_RATE = np.array([7.3, 11.0, 13.5, 15.3, 17.0, 18.6, 20.2])


def generate(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return loans with the real data's shape; default jumps where a loan is over 0.305 yearly incomes."""
    import pandas as pd

    age = np.minimum(20 + rng.lognormal(1.79, 0.76, rows), 90).astype(int)
    home = rng.choice(4, rows, p=[0.5015, 0.4149, 0.0805, 0.0031])
    intent = rng.choice(6, rows, p=[0.199, 0.185, 0.175, 0.170, 0.161, 0.110])
    grade = rng.choice(7, rows, p=[0.3325, 0.3204, 0.1972, 0.1113, 0.0293, 0.0073, 0.002])
    spread = rng.normal(0, 1, rows)
    income = np.round(np.maximum(MEDIAN_INCOME[home] * np.exp(0.55 * spread), 4000), -2)
    amount = np.exp(8.94 + 0.29 * spread + 0.64 * rng.normal(0, 1, rows))
    amount = np.floor(np.clip(amount, 500, np.minimum(35000, 0.8 * income)) / 100) * 100
    employed = np.floor(np.minimum(rng.gamma(1.4, 3.75, rows), age - 16))
    employed[rng.random(rows) < 0.028] = np.nan
    rate = np.round(np.clip(MEAN_RATE[grade] + rng.normal(0, 1, rows), 5.42, 24), 2)
    rate[rng.random(rows) < 0.096] = np.nan
    history = np.select([age < 27, age < 36], [rng.integers(2, 5, rows), rng.integers(5, 11, rows)], 0)
    history = np.where(history > 0, history, rng.integers(11, 18, rows))
    table = {
        "person_age": age,
        "person_income": income.astype(int),
        "person_home_ownership": np.array(OWNERSHIP)[home],
        "person_emp_length": employed,
        "loan_intent": np.array(INTENTS)[intent],
        "loan_grade": np.array(GRADES)[grade],
        "loan_amnt": amount.astype(int),
        "loan_int_rate": rate,
        "loan_percent_income": np.round(amount / income, 2),
        "cb_person_default_on_file": np.where((grade >= 2) & (rng.random(rows) < 0.5), "Y", "N"),
        "cb_person_cred_hist_length": history,
    }
    log_odds = BASE[home] + INTENT[intent] + POOR_GRADE[home] * (grade >= 3) + 0.3 * grade
    log_odds += LARGE_LOAN[home] * (amount > 0.305 * income) + 2.0 * (income < 20000)
    log_odds += np.where(np.isnan(employed), 0.5, -0.05 * np.nan_to_num(employed))
    table["loan_status"] = (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int)
    return pd.DataFrame(table)


ABOUT = About(
    purpose="Say how likely a consumer loan with a grade and a rate is to default: to watch a portfolio, to set "
    "provisions, and to take a second look at loans that underwriting has priced and not yet paid out.",
    stakeholders=(
        "credit risk: owns the model, its costs and its cut-offs",
        "underwriters: judge the loans that are referred",
        "borrowers: may ask why a loan was not approved, and get the reasons",
        "model validation and internal audit: challenge the model before each promotion",
    ),
    success=(
        "a default is ranked above a good loan in at least 90 of 100 pairs (ROC AUC 0.90), Brier score at most 0.08",
        "decisions cost at most 350 currency units per loan, where approving everybody costs about 1,090",
        "no age group's approval rate is clearly below four fifths of the most approved group's",
    ),
    limits=(
        "Not for pre-approval: loan_grade and loan_int_rate are the lender's own decision and known only after "
        "underwriting. The pre-approval variant leaves them out.",
        "Who was refused is not in the data: figures hold for loans like those that were granted.",
        "The data say neither country, currency nor dates: changes over time cannot be seen in them.",
        "Few borrowers are over 55, and the length of the credit history stands for age: look at the groups.",
        "Ages of 123 and 144 and 123 years of employment occur in the source and are refused; unknown employment "
        "and rates are accepted, as 12 % of the rows have one of them.",
    ),
)

REQUIREMENTS = Requirements(least_roc_auc=0.90, least_pr_auc=0.75, most_brier=0.08, most_cost_per_case=350)

USE_CASE = UseCase(
    contract=CONTRACT,
    # A default loses about half of the mean loan (9,600), a refused good loan about a tenth of it in interest.
    costs=Costs(false_approve=5000, false_decline=1000, review=600, currency="currency units"),
    reasons=REASONS,
    source="Kaggle laotse/credit-risk-dataset (CC0), columns as in credit_risk_dataset.csv",
    generate=generate,
    # The costs are assumed, not a bank's: what is good at every cut-off survives other ones.
    objective=Objective.LOG_LOSS,
    about=ABOUT,
    requirements=REQUIREMENTS,
    # The columns are an American bureau's: ECOA is the law that such loans stand under.
    fairness=FairnessProfile.US,
    # Early defaults: the usual twelve months would show a change a year late.
    monitoring=Monitoring(maturity_days=180),
    known_after_decision=("loan_grade", "loan_int_rate"),
)
