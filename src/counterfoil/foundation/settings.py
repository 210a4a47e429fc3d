"""The settings, read once from the environment or `.env`; nothing has to be set for the default to work."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from counterfoil.foundation.errors import InvalidInput


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """Every setting, its default, and a line about it; `.env.example` lists them all."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(default=Path("data"), description="Where files and the SQLite database are kept.")
    database_url: str = Field(
        default="", description="SQLite or PostgreSQL; empty for SQLite in DATA_DIR.", examples=["postgresql://…"]
    )
    database_session_url: str = Field(
        default="",
        description="Past a pooler, where workers hold the lock that proves their life; empty for DATABASE_URL.",
        examples=["postgresql://…"],
    )
    database_pool_min: int = Field(default=2, ge=1, description="Connections kept open in each process.")
    database_pool_max: int = Field(default=10, ge=1, description="Connections at most in each process.")
    log_format: LogFormat = Field(default=LogFormat.CONSOLE, description="console or json.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    public_url: str = Field(default="http://127.0.0.1:8000", description="Where people reach this installation.")
    max_upload_bytes: int = Field(default=10 * 2**20, ge=1, description="The largest document, in bytes.")
    max_batch_files: int = Field(default=1000, ge=1, description="The most documents of a batch.")
    max_batch_bytes: int = Field(
        default=500 * 2**20, ge=1, description="The largest batch, in bytes, as it is sent and as it is unpacked."
    )
    batch_concurrency: int = Field(default=10, ge=1, description="Documents of a batch that are read at once.")
    max_pages: int = Field(default=200, ge=1, description="The most pages of a document.")
    max_pixels: int = Field(default=60_000_000, ge=1, description="The most pixels of a page picture.")
    queue: Literal["local", "rq", "celery"] = Field(
        default="local", description="local, rq or celery: who tells workers that there are jobs."
    )
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", description="Redis, for QUEUE=rq or celery.")
    rq_dashboard_user: str = Field(default="admin", description="Who may look at /rq.")
    rq_dashboard_password: str = Field(default="", description="Opens /rq when QUEUE=rq; empty: there is no /rq.")
    worker_concurrency: int = Field(default=4, ge=1, le=256, description="Jobs that a worker runs at once.")
    worker_queues: str = Field(
        default="default,high_priority,low_priority,scheduled", description="The queues that a worker serves."
    )
    worker_poll_seconds: float = Field(default=0.5, gt=0, description="How often a worker looks for jobs unasked.")
    worker_beat_seconds: float = Field(default=10, gt=0, description="How often a worker says that it lives.")
    worker_lapse_seconds: float = Field(default=60, gt=0, description="After what silence a worker is given up.")
    shutdown_seconds: float = Field(default=120, ge=0, description="How long running jobs may finish at shutdown.")
    deliver: Literal["when_sure", "always", "after_review"] = Field(
        default="when_sure", description="when_sure, always or after_review: what is delivered without a person's look."
    )
    sure_above: float = Field(default=0.85, ge=0, le=1, description="The confidence that needs no person to look.")
    review_due_hours: float = Field(default=48, gt=0, description="How soon a review should be answered.")
    ocr_threads: int = Field(default=1, ge=1, description="Threads that read one page.")

    model: str = Field(
        default="",
        description="A model that is asked about what is in doubt, as provider:name; empty for none.",
        examples=["openai:gpt-4o", "google:gemini-2.5-flash", "anthropic:claude-haiku-5-5", "ollama:qwen2.5vl"],
    )
    model_api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Its provider's key; empty for one of the following.",
    )
    openai_api_key: SecretStr = Field(default=SecretStr(""), description="OpenAI's key, by its usual name.")
    google_api_key: SecretStr = Field(default=SecretStr(""), description="Google's key, by its usual name.")
    gemini_api_key: SecretStr = Field(default=SecretStr(""), description="Google's key, by its other name.")
    anthropic_api_key: SecretStr = Field(default=SecretStr(""), description="Anthropic's key, by its usual name.")
    model_base_url: str = Field(
        default="",
        description="Where the model is, if not at its provider's usual address: any OpenAI-compatible server.",
        examples=["http://127.0.0.1:8000/v1"],
    )
    model_when: Literal["in_doubt", "always"] = Field(
        default="in_doubt", description="in_doubt or always: whether documents that are read surely are shown as well."
    )
    model_timeout_seconds: float = Field(
        default=60, gt=0, le=110, description="How long one answer of the model may take."
    )
    model_calls_per_minute: int = Field(
        default=60, ge=1, le=100_000, description="How often a workspace asks the model in a minute, at most."
    )
    model_daily_spend: Decimal = Field(
        default=Decimal(5),
        ge=0,
        allow_inf_nan=False,
        description="US dollars that a workspace may spend on the model in a day (UTC); 0 for any amount.",
    )
    model_input_price: Decimal | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars for a million tokens that go in; empty for the price that is known.",
    )
    model_output_price: Decimal | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars for a million tokens that come out; empty for the price that is known.",
    )

    workflow: Literal["builtin", "n8n"] = Field(
        default="builtin", description="builtin or n8n: who makes the pages in Notion."
    )
    n8n_webhook_url: str = Field(
        default="",
        description="The production address of the workflow's webhook, for WORKFLOW=n8n.",
        examples=["http://127.0.0.1:5678/webhook/receipt-to-notion"],
    )
    n8n_api_key: SecretStr = Field(default=SecretStr(""), description="What the webhook wants in X-N8N-Api-Key.")
    callback_secret_token: SecretStr = Field(
        default=SecretStr(""), description="What n8n has to say in X-Callback-Token when it calls back."
    )
    n8n_deadline_seconds: float = Field(
        default=600,
        ge=10,
        description="How long n8n may take; longer than the workflow's own time limit, which is 420 s.",
    )
    notion_token: SecretStr = Field(
        default=SecretStr(""), description="The secret of the connection by which Notion is written to."
    )
    notion_url: str = Field(
        default="https://api.notion.com", description="Where Notion is, if it is reached through a gateway."
    )
    airtable_token: SecretStr = Field(
        default=SecretStr(""), description="A personal access token of Airtable, for targets of kind airtable."
    )
    sql_targets: SecretStr = Field(
        default=SecretStr(""),
        description="Databases whose tables may be targets, as name=URL, with commas between several.",
        examples=["books=postgresql://user:password@host/books"],
    )

    jobs_per_hour: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Jobs that a workspace may make over HTTP in an hour; 0 for any number.",
    )
    job_retention_days: float = Field(default=30, gt=0, description="How long finished jobs are kept.")
    dlq_retention_days: float = Field(default=90, gt=0, description="How long dead letters are kept.")
    dlq_max_size: int = Field(default=10_000, ge=1, description="How many dead letters a workspace keeps.")
    dlq_retry_limit: int = Field(default=10, ge=1, description="How often a dead letter may be retried.")
    dlq_retry_delay_seconds: float = Field(default=0, ge=0, description="How long a retried dead letter waits first.")

    @field_validator("database_url", "database_session_url")
    @classmethod
    def _names_a_database(cls, url: str) -> str:
        if url and not re.match(r"(sqlite|postgresql(\+psycopg)?)://", url):
            raise PydanticCustomError("database_url", "it begins with sqlite:// or postgresql://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, url: str) -> str:
        if not re.match(r"rediss?://", url):
            raise PydanticCustomError("redis_url", "it begins with redis:// or rediss://")
        return url

    @field_validator("model")
    @classmethod
    def _names_a_model(cls, model: str) -> str:
        if model and not re.fullmatch(r"[a-z]+:\S+", model):
            raise PydanticCustomError("model", "it names a provider and a model, such as openai:gpt-4o")
        return model

    @field_validator("model_base_url", "notion_url", "n8n_webhook_url")
    @classmethod
    def _is_an_address(cls, url: str, info: ValidationInfo) -> str:
        if url and not re.match(r"https?://", url):
            raise PydanticCustomError(str(info.field_name), "it begins with http:// or https://")
        return url

    @field_validator("sql_targets")
    @classmethod
    def _names_databases(cls, targets: SecretStr) -> SecretStr:
        if any(not re.fullmatch(r"[\w-]+=[a-z0-9+_]+://.*", one) for one in _listed(targets)):
            raise PydanticCustomError("sql_targets", "it is name=URL, with commas between several")
        return targets

    @field_validator("worker_queues")
    @classmethod
    def _names_a_queue(cls, names: str) -> str:
        if not names.replace(",", "").strip():
            raise PydanticCustomError("worker_queues", "it names at least one queue")
        return names

    @field_validator("database_pool_max")
    @classmethod
    def _is_not_below_the_least(cls, most: int, info: ValidationInfo) -> int:
        if most < info.data.get("database_pool_min", 1):
            raise PydanticCustomError("database_pool_max", "it is at least DATABASE_POOL_MIN")
        return most

    @property
    def database(self) -> str:
        """Return the database's URL, by default of a file in DATA_DIR."""
        return self.database_url or f"sqlite:///{self.data_dir / 'counterfoil.db'}"

    @property
    def session_database(self) -> str:
        """Return the URL past any pooler."""
        return self.database_session_url or self.database

    def model_key(self, *usual: str) -> str:
        """Return the key of the model's provider: the one that is set, or the first of its usual names."""
        keys: Iterable[SecretStr] = (getattr(self, name.lower()) for name in ("MODEL_API_KEY", *usual))
        return next(filter(None, (key.get_secret_value().strip() for key in keys)), "")

    @property
    def sql_target_urls(self) -> dict[str, str]:
        """Return the URLs of the databases whose tables may be targets, by their names."""
        pairs = (one.partition("=") for one in _listed(self.sql_targets))
        return {name: url for name, _, url in pairs}

    @property
    def queues(self) -> list[str]:
        """Return the names of the queues that a worker serves."""
        return [name.strip() for name in self.worker_queues.split(",") if name.strip()]


class InvalidSettings(InvalidInput):
    """A setting has a value that it cannot have."""

    code = "invalid_settings"
    advice = "Correct it in the environment or in .env; .env.example lists all settings."

    def __init__(self, name: str, value: object, fault: str) -> None:
        super().__init__(f"{name}={value}: {fault}")


def read_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` come before the environment.

    Raises:
        InvalidSettings: with one line that names the setting, its value and what is wrong with it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(map(str, first["loc"])).upper()
        raise InvalidSettings(name, _shown(name, first["input"]), first["msg"]) from None


def _listed(pairs: SecretStr) -> list[str]:
    """Return the parts of `name=URL,name=URL`; the URL of several hosts may have commas itself."""
    text = pairs.get_secret_value().strip()
    return re.split(r"\s*,\s*(?=[\w-]+=)", text) if text else []


def _shown(name: str, value: object) -> object:
    """Return a value as it may be shown: a database's URL holds a password."""
    return "…" if name.endswith(("_URL", "_PASSWORD", "_KEY", "_TARGETS", "_TOKEN")) else value
