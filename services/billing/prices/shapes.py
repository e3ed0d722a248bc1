"""What the answers about prices look like: for the documentation, and held against by tests."""

from pydantic import BaseModel


class OfferedTier(BaseModel):
    """A tier as it is in the book."""

    above_prompt_tokens: int
    model_ratio: str
    completion_ratio: str
    cache_ratio: str
    cache_creation_ratio: str
    cache_creation_1h_ratio: str | None


class YourTokens(BaseModel):
    """Dollars for a million tokens, by kind."""

    input_dollars_per_million: str
    cached_dollars_per_million: str
    cache_write_dollars_per_million: str
    cache_write_1h_dollars_per_million: str
    image_dollars_per_million: str
    audio_dollars_per_million: str
    output_dollars_per_million: str
    output_audio_dollars_per_million: str
    output_image_dollars_per_million: str


class YourTier(YourTokens):
    """The same where the input is longer."""

    above_prompt_tokens: int


class YourPrice(BaseModel):
    """What the caller would pay: times the ratio of their group. Strings, exact."""

    group: str
    group_ratio: str
    per_call_dollars: str | None = None
    input_dollars_per_million: str | None = None
    cached_dollars_per_million: str | None = None
    cache_write_dollars_per_million: str | None = None
    cache_write_1h_dollars_per_million: str | None = None
    image_dollars_per_million: str | None = None
    audio_dollars_per_million: str | None = None
    output_dollars_per_million: str | None = None
    output_audio_dollars_per_million: str | None = None
    output_image_dollars_per_million: str | None = None
    tiers: list[YourTier] = []
    service_tier_factors: dict[str, str] = {}
    tools_dollars_per_1000: dict[str, str]
    per_second_dollars: dict[str, str]


class ComingPrice(BaseModel):
    """The next version, and from when it holds."""

    price_version: int
    effective_from: str
    you: YourPrice | None


class OfferedModel(BaseModel):
    """What a model costs: before the group's ratio, but for `you`."""

    model: str
    quota_type: int
    price_version: int
    effective_from: str
    model_ratio: float
    completion_ratio: float
    cache_ratio: float
    cache_creation_ratio: float
    cache_creation_1h_ratio: float
    image_ratio: float
    audio_ratio: float
    output_audio_ratio: str | None
    output_image_ratio: str | None
    model_price: float | None
    tiers: list[OfferedTier]
    service_tiers: dict[str, str]
    tool_prices: dict[str, str]
    second_prices: dict[str, str]
    max_output_tokens: int | None
    max_input_tokens: int | None
    input_dollars_per_million: float | None
    cached_dollars_per_million: float | None
    output_dollars_per_million: float | None
    you: YourPrice | None
    coming: ComingPrice | None


class Pricing(BaseModel):
    """Every model that has a price."""

    models: list[OfferedModel]
    group_ratios: dict[str, float]


class DraftListed(BaseModel):
    """A draft, without what is in it."""

    draft_id: int
    name: str
    source: str
    models: int
    created_by: int
    created_at: int
    published_at: int | None


class DraftList(BaseModel):
    """A page of drafts, the newest first."""

    items: list[DraftListed]
    next_before: int | None


class ProposedRatio(BaseModel):
    """A group's ratio as a draft has it."""

    ratio: str
    user_group_ratios: dict[str, str]


class Warned(BaseModel):
    """What the source says of a model that a price cannot."""

    model: str
    what: str


class ProposedTier(BaseModel):
    """A tier; null: as the price's own."""

    above_prompt_tokens: int
    model_ratio: str
    completion_ratio: str | None
    cache_ratio: str | None
    cache_creation_ratio: str | None
    cache_creation_1h_ratio: str | None


class ProposedPrice(BaseModel):
    """A model's price as a draft has it."""

    model_ratio: str
    completion_ratio: str
    cache_ratio: str
    cache_creation_ratio: str
    cache_creation_1h_ratio: str | None
    image_ratio: str
    audio_ratio: str
    model_price: str | None
    max_output_tokens: int | None
    output_audio_ratio: str | None
    output_image_ratio: str | None
    tiers: list[ProposedTier]
    service_tiers: dict[str, str]
    tool_prices: dict[str, str]
    second_prices: dict[str, str]
    max_input_tokens: int | None


class DraftShown(DraftListed):
    """All of a draft."""

    prices: dict[str, ProposedPrice]
    group_ratios: dict[str, ProposedRatio]
    warnings: list[Warned]
    published_versions: dict[str, int] | None


class ChangedField(BaseModel):
    """A figure, before and after; the percentage where both are numbers."""

    old: object
    new: object
    change_percent: str | None


class ChangedModel(BaseModel):
    """A model whose price would be another."""

    model: str
    fields: dict[str, ChangedField]


class ChangedGroup(BaseModel):
    """A group whose ratio would be another."""

    group: str
    fields: dict[str, ChangedField]


class GroupsDiffer(BaseModel):
    """What of the groups' ratios would change."""

    added: list[str]
    changed: list[ChangedGroup]
    unchanged: int
    not_in_draft: list[str]


class DraftDiff(BaseModel):
    """What publishing would change; `book_version` is asked for again by the publishing."""

    added: list[str]
    changed: list[ChangedModel]
    unchanged: int
    not_in_draft: list[str]
    group_ratios: GroupsDiffer
    warnings: list[Warned]
    book_version: str


class DraftPublished(BaseModel):
    """The book's new versions, by model and by `group:<name>`."""

    draft_id: int
    versions: dict[str, int]
