using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Spending;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Messages;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Messages;

/// <summary>Runs that are started by messages of a Dapr sidecar, with the checks of POST /runs.</summary>
public sealed class DaprSubscriptionTests : IAsyncLifetime
{
    private const string Token = "a-token-of-the-sidecar";

    private readonly RunningService _service = new();
    private FakeDapr _sidecar = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _sidecar = await FakeDapr.StartAsync();
        _service.Settings.Dapr.PubSubName = "workflows-pubsub";
        _service.Settings.Dapr.StartTopic = "workflow-requests";
        _service.Settings.Dapr.DeadLetterTopic = "workflow-dead";
        _service.Settings.Dapr.AppApiToken = Token;
        _service.Settings.Dapr.GrpcEndpoint = _sidecar.Address;
        _service.Settings.MaxUsdPerDay = 6;
        await _service.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _sidecar.DisposeAsync();
    }

    [Fact]
    public async Task Subscriptions_OfTheService_NameTopicAndPath()
    {
        var asked = await _service.Http.GetFromJsonAsync<JsonElement>("/dapr/subscribe", Cancellation);

        var only = Assert.Single(asked.EnumerateArray());
        Assert.Equal("workflows-pubsub", only.GetProperty("pubsubName").GetString());
        Assert.Equal("workflow-requests", only.GetProperty("topic").GetString());
        Assert.Equal(DaprSubscription.Path.TrimStart('/'), only.GetProperty("route").GetString()!.TrimStart('/'));
    }

    [Fact]
    public async Task Message_DeliveredTwice_StartsOneRunAndAnotherSourceAnother()
    {
        var request = _service.Request("""{"apiDisabled": true}""");

        Assert.Equal("SUCCESS", await DeliverAsync(Event("m1", request)));
        Assert.Equal("SUCCESS", await DeliverAsync(Event("m1", request)));
        Assert.Equal(1, await CountAsync());
        Assert.Equal("SUCCESS", await DeliverAsync(Event("m1", request, source: "another")));
        Assert.Equal("SUCCESS", await DeliverAsync(Event(
            "m2", JsonValue.Create(request.ToJsonString()), type: "text/plain")));

        Assert.Equal(3, await CountAsync());
        Assert.DoesNotContain(_sidecar.Published, each => each.Topic == "workflow-dead");
    }

    [Theory]
    [InlineData("no JSON", "{", "REQUEST_INVALID", "is no CloudEvent")]
    [InlineData("no event", "{}", "REQUEST_INVALID", "is no CloudEvent")]
    [InlineData("nothing", "", "REQUEST_INVALID", "is no CloudEvent")]
    [InlineData("no data", """{"specversion":"1.0","id":"m","type":"t","source":"s"}""", "REQUEST_INVALID", "no data")]
    [InlineData(
        "a list", """{"specversion":"1.0","id":"m","type":"t","source":"s","data":[1]}""", "REQUEST_INVALID",
        "must be an object")]
    [InlineData(
        "a wrong field", """{"specversion":"1.0","id":"m","type":"t","source":"s","data":{"modle":"x"}}""",
        "REQUEST_INVALID", "modle")]
    public async Task Message_ThatCannotStartARun_IsBuriedWithItsReason(
        string kind, string body, string code, string reason)
    {
        Assert.Equal("SUCCESS", await DeliverAsync(body));

        var letter = Assert.Single(_sidecar.Published, each => each.Topic == "workflow-dead");
        using var data = JsonDocument.Parse(letter.Data.ToStringUtf8());
        Assert.Equal(code, data.RootElement.GetProperty("code").GetString());
        Assert.True(
            data.RootElement.GetProperty("reason").GetString()!.Contains(reason, StringComparison.Ordinal),
            $"{kind}: {data.RootElement}");
        Assert.Equal(body, data.RootElement.GetProperty("message").GetString());
        Assert.Equal(0, await CountAsync());
    }

    [Fact]
    public async Task Message_ThatCannotBeBuried_IsAskedForAgain()
    {
        _sidecar.IsAway = true;

        Assert.Equal("RETRY", await DeliverAsync("{"));
    }

    /// <summary>There is money again tomorrow: the message is no dead one.</summary>
    [Fact]
    public async Task Message_ThatTheSpendLimitRefuses_IsAskedForAgain()
    {
        _service.Services.GetRequiredService<SpendBook>().Begin(new RunId("another"), startingUsd: 5);

        Assert.Equal("RETRY", await DeliverAsync(Event("m1", Paying(5))));

        Assert.Empty(_sidecar.Published);
        Assert.Equal(0, await CountAsync());
    }

    /// <summary>No day has so much money: the message would come again for ever.</summary>
    [Fact]
    public async Task Message_WithABudgetAboveTheLimit_IsBuriedWithTheFix()
    {
        Assert.Equal("SUCCESS", await DeliverAsync(Event("m1", Paying(7))));

        using var data = JsonDocument.Parse(Assert.Single(_sidecar.Published).Data.ToStringUtf8());
        Assert.Equal("SPEND_LIMIT_REACHED", data.RootElement.GetProperty("code").GetString());
        Assert.Contains(
            "no wait helps: ask for a budget that leaves the run 6.00 USD or less",
            data.RootElement.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("another-token")]
    public async Task Message_OfAStranger_IsRefused(string? token)
    {
        using var message = Message(Event("m1", _service.Request()), token);
        using var answer = await _service.Http.SendAsync(message, Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(0, await CountAsync());
    }

    [Fact]
    public void Settings_WithWhichAnybodyCouldStartRuns_AreRefused()
    {
        var settings = new ServiceSettings { Access = { Authentication = true } };
        settings.Dapr.StartTopic = "requests";
        Assert.Contains(
            "PubSubName", Assert.Throws<ServiceStartException>(() => DaprSubscription.Require(settings)).Message,
            StringComparison.Ordinal);
        settings.Dapr.PubSubName = "workflows-pubsub";
        settings.Dapr.AppApiToken = "";
        Assert.Contains(
            "APP_API_TOKEN", Assert.Throws<ServiceStartException>(() => DaprSubscription.Require(settings)).Message,
            StringComparison.Ordinal);
        settings.Dapr.AppApiToken = Token;

        DaprSubscription.Require(settings);
    }

    /// <summary>Its own dead letters would come back to it, and be buried again, larger each time.</summary>
    [Fact]
    public void Topic_ToWhichTheServicePublishes_StartsNoRuns()
    {
        var settings = new ServiceSettings();
        settings.Dapr.PubSubName = "workflows-pubsub";
        (settings.Dapr.DeadLetterTopic, settings.Dapr.LifecycleTopic) = ("dead", "lifecycle");
        foreach (var topic in new[] { "dead", "lifecycle", settings.Dapr.Topic })
        {
            settings.Dapr.StartTopic = topic;
            Assert.Contains(
                "its own messages", Assert.Throws<ServiceStartException>(
                    () => DaprSubscription.Require(settings)).Message, StringComparison.Ordinal);
        }

        settings.Dapr.StartTopic = "requests";
        DaprSubscription.Require(settings);
    }

    private JsonObject Paying(double budgetUsd)
    {
        var request = _service.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        request["budgetUsd"] = budgetUsd;
        return request;
    }

    private static string Event(string id, JsonNode data, string source = "here", string type = "application/json") =>
        new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = id,
            ["source"] = source,
            ["type"] = "com.dapr.event.sent",
            ["datacontenttype"] = type,
            ["pubsubname"] = "workflows-pubsub",
            ["topic"] = "workflow-requests",
            ["data"] = data.DeepClone(),
        }.ToJsonString();

    private static HttpRequestMessage Message(string body, string? token)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, DaprSubscription.Path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/cloudevents+json"),
        };
        if (token is not null)
        {
            message.Headers.Add("dapr-api-token", token);
        }

        return message;
    }

    private async Task<string?> DeliverAsync(string body)
    {
        using var message = Message(body, Token);
        using var answer = await _service.Http.SendAsync(message, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("status").GetString();
    }

    private async Task<int> CountAsync() =>
        (await _service.Http.GetFromJsonAsync<JsonElement>("/runs", Cancellation)).GetArrayLength();
}
