"""What the documentation says of providers and channels."""

from typing import Final

from services.control import shapes
from services.control.api.channel_health import GivenKeys, NewStatus, TestQuery
from services.control.api.channels import ChannelChanges, NewChannel
from services.control.api.providers import NewProvider, ProviderChanges
from services.control.paging import Paging
from shared.http.described import Answer, Described, Page, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/api/provider/",
        summary="Providers",
        who=Who.ADMIN,
        query=Paging,
        data=Page[shapes.Provider],
    ),
    Described(
        method="POST",
        path="/api/provider/",
        summary="Make a provider",
        who=Who.ADMIN,
        body=NewProvider,
        data=shapes.Provider,
    ),
    Described(
        method="PUT",
        path="/api/provider/",
        summary="Change the provider that the body names",
        who=Who.ADMIN,
        body=ProviderChanges,
        data=shapes.Provider,
    ),
    Described(
        method="GET",
        path="/api/provider/{id}",
        summary="One provider",
        who=Who.ADMIN,
        data=shapes.Provider,
    ),
    Described(
        method="PUT",
        path="/api/provider/{id}",
        summary="Change a provider",
        who=Who.ADMIN,
        body=ProviderChanges,
        data=shapes.Provider,
    ),
    Described(
        method="DELETE",
        path="/api/provider/{id}",
        summary="Delete a provider",
        who=Who.ADMIN,
    ),
    Described(
        method="GET",
        path="/api/channel/",
        summary="Channels",
        who=Who.ADMIN,
        query=Paging,
        data=Page[shapes.Channel],
    ),
    Described(
        method="POST",
        path="/api/channel/",
        summary="Make a channel",
        who=Who.ADMIN,
        body=NewChannel,
        data=shapes.Channel,
    ),
    Described(
        method="PUT",
        path="/api/channel/",
        summary="Change the channel that the body names",
        who=Who.ADMIN,
        body=ChannelChanges,
        data=shapes.Channel,
    ),
    Described(
        method="GET",
        path="/api/channel/{id}",
        summary="One channel",
        who=Who.ADMIN,
        data=shapes.Channel,
    ),
    Described(
        method="PUT",
        path="/api/channel/{id}",
        summary="Change a channel",
        who=Who.ADMIN,
        body=ChannelChanges,
        data=shapes.Channel,
    ),
    Described(
        method="DELETE",
        path="/api/channel/{id}",
        summary="Delete a channel",
        who=Who.ADMIN,
    ),
    Described(
        method="GET",
        path="/api/channel/test/{id}",
        summary="Send one tiny request to the provider",
        who=Who.ADMIN,
        query=TestQuery,
        data=shapes.ChannelTested | shapes.ChannelNotTested,
        answer=Answer.BARE,
    ),
    Described(
        method="POST",
        path="/api/channel/{id}/reset",
        summary="An admin's word that the channel is well",
        who=Who.ADMIN,
        data=shapes.Channel,
    ),
    Described(
        method="POST",
        path="/api/channel/{id}/credentials",
        summary="Add credentials",
        who=Who.ADMIN,
        body=GivenKeys,
        data=shapes.Channel,
    ),
    Described(
        method="PUT",
        path="/api/channel/{id}/credentials/{credential_id}",
        summary="Switch a credential on or off",
        who=Who.ADMIN,
        body=NewStatus,
        data=shapes.Channel,
    ),
    Described(
        method="DELETE",
        path="/api/channel/{id}/credentials/{credential_id}",
        summary="Remove a credential",
        who=Who.ADMIN,
        data=shapes.Channel,
    ),
)
