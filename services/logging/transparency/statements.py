"""What is stored, what is not, and what to know beside it; in English and in Chinese. Pure.

Tests hold these sentences against the system: each table that is told of is named by a sentence of
STORED, and what NOT_STORED says is what tests/failure puts in everywhere and finds nowhere.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence. `tables` are the public names of those that it speaks of."""

    id: str
    en: str
    zh: str
    tables: tuple[str, ...] = ()


DATED: Final = date(2026, 11, 23)
"""When a sentence was last changed."""
SCOPE: Final = Statement(
    "scope",
    "The tables of this gateway that hold anything of its customers, and those that their calls"
    " depend on, as the databases have them now. Passwords, keys and other secrets are told by"
    " column name and type only; no value is ever shown here.",
    "本快照覆盖本网关中保存客户数据以及客户请求所依赖的表，内容实时取自各服务数据库；"
    "密码、密钥等敏感列只公开列名与类型，此处不会公开任何实际值。",
)
STORED: Final = (
    Statement(
        "identity",
        "Who its users are: name, e-mail address, group, preferences, and their ids at other"
        " sign-in services where they use one.",
        "用户身份：用户名、邮箱、分组、偏好设置，以及使用第三方登录时的对应标识。",
        ("users",),
    ),
    Statement(
        "sign_ins",
        "Sign-ins: address, user agent and times, hashes of the tokens, and counts of failed"
        " attempts.",
        "登录会话：来源 IP、User-Agent、时间、令牌哈希，以及登录失败次数。",
        ("sessions", "refresh_tokens", "login_failures"),
    ),
    Statement(
        "organisation",
        "Workspaces with their members, projects, limits and budgets, and what budgets have"
        " counted.",
        "工作区及其成员、项目、限流与预算，以及预算的累计数据。",
        (
            "workspaces",
            "workspace_members",
            "projects",
            "rate_limits",
            "budgets",
            "budget_history",
            "budget_crossings",
            "budget_errors",
        ),
    ),
    Statement(
        "keys",
        "API keys: name, terms, first characters, the SHA-256 of the key, and how much each was"
        " used.",
        "API Key 元数据：名称、限制、前缀、密钥的 SHA-256，以及各密钥的用量。",
        ("tokens", "token_secrets", "key_use", "token_usage"),
    ),
    Statement(
        "requests",
        "A row for each request: time, model, call, names of query parameters, outcome, latency,"
        " sizes, counts of tokens and charge; the client's address, user agent, origin, host and"
        " count of retries; its trace, and the tags that it sent. And a row for each top-up, refund"
        " and administrator's action.",
        "每次请求一行：时间、模型、接口、查询参数名、结果、延迟、大小、token 计数与扣费；"
        "来源 IP、User-Agent、Origin、Host 与重试次数；链路标识，以及客户端自行附带的标签。"
        "充值、退款与管理操作也各有一行。",
        ("logs",),
    ),
    Statement(
        "usage",
        "Sums of that use by time, workspace, user, key, provider and model.",
        "按时间、工作区、用户、密钥、供应商与模型汇总的用量聚合。",
        (
            "quota_data",
            "log_series",
            "log_counts_day",
            "log_counts_hour",
            "log_counts_minute",
            "log_counts_second",
            "usage_hourly",
            "usage_daily",
            "usage_site_hourly",
            "usage_site_daily",
        ),
    ),
    Statement(
        "deletion",
        "How long a workspace's rows are kept, up to when they were deleted, and how much came too"
        " late to be stored.",
        "各工作区日志的保留期限、已删除到的时间，以及因过期而未入库的事件数量。",
        ("log_retention", "log_workspace_horizons", "log_refused"),
    ),
    Statement(
        "money",
        "Balances, what is set aside of them, and every charge, top-up, refund and grant with how"
        " it was reckoned.",
        "余额与预留额度，以及每一笔扣费、充值、退款、赠送及其计算依据。",
        (
            "accounts",
            "balances",
            "leases",
            "ledger_entries",
            "charge_settlements",
            "rating_snapshots",
            "grants",
            "what_if_sums",
        ),
    ),
    Statement(
        "offering",
        "What is offered and through whom: groups, models, prices, providers, and the credentials"
        " at providers, sealed.",
        "所提供的内容及上游：分组、模型、价格、供应商，以及加密保存的上游凭据。",
        (
            "groups",
            "models",
            "prices",
            "group_ratios",
            "providers",
            "channels",
            "channel_credentials",
        ),
    ),
    Statement(
        "events",
        "The same facts about requests, charges and administrators' actions as events in Kafka,"
        " for 90 days unless the operator set another time; until they are there, in a file of the"
        " relay's.",
        "上述请求、扣费与管理操作的同样信息，也会以事件形式保存在 Kafka 中，默认 90 天；"
        "在写入 Kafka 之前，暂存于中继的本地日志文件。",
    ),
)
NOT_STORED: Final = (
    Statement(
        "prompts",
        "Prompts: messages, system prompts, instructions, inputs of any kind, and what is attached"
        " to them.",
        "prompt 正文：消息、系统提示、指令、任何形式的输入及其附件。",
    ),
    Statement(
        "answers",
        "Answers of models, their reasoning, and parts of answers that were cut off.",
        "模型回答正文、推理内容，以及中途截断的部分回答。",
    ),
    Statement(
        "tools",
        "Tools: their descriptions, arguments and results.",
        "工具的定义、调用参数与返回结果。",
    ),
    Statement(
        "client_fields",
        "What clients say of their own users: `user`, `metadata`, `safety_identifier`,"
        " `prompt_cache_key`.",
        "客户端自带的用户标识与元数据：`user`、`metadata`、`safety_identifier`、`prompt_cache_key`。",
    ),
    Statement(
        "query_values",
        "Values of query parameters; only their names are.",
        "查询参数的值（仅保存参数名）。",
    ),
    Statement(
        "unknown_names",
        "Names of models and calls that there are not.",
        "不存在的模型名称与接口路径。",
    ),
    Statement(
        "other_headers",
        "Request headers other than those named above.",
        "除上述内容以外的请求头。",
    ),
    Statement(
        "provider_errors",
        "The texts of providers' errors, which may quote a prompt.",
        "上游返回的错误正文（其中可能引用 prompt）。",
    ),
    Statement(
        "secrets",
        "Passwords, API keys, session tokens and providers' keys in the clear.",
        "明文的密码、API Key、会话令牌与上游密钥。",
    ),
)
CAVEATS: Final = (
    Statement(
        "providers",
        "A request goes on to the provider of its model; what that provider keeps is its own rule.",
        "请求会转发给对应模型的上游供应商；上游如何保存由其自身规则决定。",
    ),
    Statement(
        "written_by_people",
        "Names of keys, projects and workspaces, notes of administrators and the tags of a request"
        " are kept as people wrote them.",
        "密钥、项目、工作区的名称，管理员备注，以及请求标签会按填写内容原样保存。",
    ),
    Statement(
        "in_passing",
        "Prompts and answers pass through memory while a request lasts, and are not written from"
        " there. They are used for no training.",
        "prompt 与回答仅在请求期间经过内存，不会由此落盘，也不会用于训练。",
    ),
    Statement(
        "jobs",
        "Asynchronous jobs, such as videos, are not offered yet; they would have to keep their"
        " parameters, the prompt included.",
        "尚未提供视频等异步任务；如提供，则必须保留包含提示词在内的任务参数。",
    ),
)
