using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using CloudNative.CloudEvents.SystemTextJson;
using Dapr;
using Dapr.Client;
using Microsoft.AspNetCore.Http.HttpResults;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Messages;

/// <summary>
/// Starts a run for each message that a Dapr sidecar delivers from the topic <c>Dapr:StartTopic</c>. A message that
/// cannot start a run is dropped, and goes to <c>Dapr:DeadLetterTopic</c> with the reason if there is one.
/// </summary>
internal sealed partial class DaprSubscription(
    ServiceSettings settings, RunStarter starter, DaprClient dapr, ILogger<DaprSubscription> logger)
{
    /// <summary>The path to which the sidecar delivers.</summary>
    public const string Path = "/dapr/runs";

    private const string TokenHeader = "dapr-api-token", TokenVariable = "APP_API_TOKEN";

    private const int MostReason = 1000;

    private static readonly JsonEventFormatter Formatter = new();

    /// <summary>Returns the token that the sidecar must send; null for none. Source: Dapr's documentation of app API
    /// token authentication.</summary>
    private static string? TokenOf(ServiceSettings settings) =>
        (settings.Dapr.AppApiToken ?? Environment.GetEnvironmentVariable(TokenVariable)) is { Length: > 0 } token
            ? token : null;

    /// <summary>Checks the settings.</summary>
    /// <exception cref="ServiceStartException">Anybody could start runs.</exception>
    public static void Require(ServiceSettings settings)
    {
        if (settings.Dapr.StartTopic is null)
        {
            return;
        }

        if (settings.Dapr.PubSubName is null)
        {
            throw new ServiceStartException(
                "The setting 'Workflows:Dapr:StartTopic' needs 'Workflows:Dapr:PubSubName', the pub/sub component that "
                + "has the topic.");
        }

        if (new[] { settings.Dapr.DeadLetterTopic, settings.Dapr.Topic, settings.Dapr.LifecycleTopic }
            .Contains(settings.Dapr.StartTopic))
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:Dapr:StartTopic' is '{settings.Dapr.StartTopic}', to which the service itself "
                + "publishes by Dapr:DeadLetterTopic, Dapr:Topic or Dapr:LifecycleTopic: it would refuse its own "
                + "messages without end. Use another topic.");
        }

        if (settings.Access.Authentication && TokenOf(settings) is null)
        {
            throw new ServiceStartException(
                $"With 'Workflows:Dapr:StartTopic' and 'Workflows:Access:Authentication' the variable {TokenVariable} "
                + "must be set, for this service and for its Dapr sidecar: without it anybody could start runs at "
                + $"{Path}.");
        }
    }

    /// <summary>Serves the sidecar: its question about subscriptions, and the messages.</summary>
    public static void Map(WebApplication application, ServiceSettings settings)
    {
        if (settings.Dapr is not { StartTopic: { } topic, PubSubName: { } component })
        {
            return;
        }

        application.MapSubscribeHandler().AllowAnonymous();
        application.MapPost(
                Path, (HttpContext context, DaprSubscription subscription) => subscription.TakeAsync(context))
            .WithTopic(component, topic).AllowAnonymous().ExcludeFromDescription();
    }

    private async Task<IResult> TakeAsync(HttpContext context)
    {
        if (!IsSidecar(context.Request))
        {
            return Problems.Of(
                StatusCodes.Status401Unauthorized, "KEY_INVALID",
                $"The header '{TokenHeader}' is not that of this service's Dapr sidecar.");
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var (id, key, read) = Read(body.ToArray());
        return await starter.StartAsync(read, key, context.RequestAborted) switch
        {
            RunStart.Done done => Started(id, done),
            RunStart.Later later => Again(id, later),
            RunStart.Refused refused => await BuryAsync(id, body.ToArray(), refused, context.RequestAborted),
            var other => throw new InvalidOperationException($"{other}"),
        };
    }

    /// <summary>Reads a CloudEvent; its faults are those of the request that is in it.</summary>
    private (string Id, string Key, Func<RunRequest> Read) Read(byte[] body)
    {
        try
        {
            var message = Formatter.DecodeStructuredModeMessage(
                body, new ContentType("application/cloudevents+json"), null);

            // Source and id together name an event (CloudEvents 1.0, section 3.1); no address has a line feed.
            var key = $"dapr/{settings.Dapr.PubSubName}/{settings.Dapr.StartTopic}\n{message.Source}\n{message.Id}";
            return (message.Id!, key, () => RunRequestReader.Parse(TextOf(message.Data)));
        }
        catch (Exception exception) when (exception is ArgumentException or System.Text.Json.JsonException
            or InvalidOperationException or FormatException)
        {
            return ("", "", () => throw new RunRequestException([new FieldError(
                "$", $"The message is no CloudEvent: {SafeText.Of(exception.Message, MostReason)}",
                "Publish it through Dapr, or as application/cloudevents+json.")]));
        }
    }

    private static string TextOf(object? data) => data switch
    {
        System.Text.Json.JsonElement { ValueKind: System.Text.Json.JsonValueKind.String } text => text.GetString()!,
        System.Text.Json.JsonElement json => json.GetRawText(),
        string text => text,
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        _ => throw new RunRequestException([new FieldError(
            "data", "The message has no data.", "Send the request of the run as its data.")]),
    };

    private Ok<DaprAnswer> Started(string id, RunStart.Done done)
    {
        Log.Started(logger, SafeText.Of(id), done.RunId, done.WasThere);
        return Answer("SUCCESS");
    }

    private Ok<DaprAnswer> Again(string id, RunStart.Later later)
    {
        Log.NotStarted(logger, SafeText.Of(id), SafeText.Of(later.Reason, MostReason), later.Fault);
        return Answer("RETRY");
    }

    private async Task<IResult> BuryAsync(
        string id, byte[] body, RunStart.Refused refused, CancellationToken cancellation)
    {
        var reason = SafeText.Of(refused.Reason, MostReason);
        Log.Refused(logger, SafeText.Of(id), refused.Code, reason, refused.Fault);
        if (settings.Dapr.DeadLetterTopic is not { } topic)
        {
            return Answer("DROP");
        }

        try
        {
            await dapr.PublishEventAsync(
                settings.Dapr.PubSubName!, topic,
                new DaprDeadLetter(refused.Code, reason, SafeText.Of(id), Encoding.UTF8.GetString(body)), cancellation);
            return Answer("SUCCESS");
        }
        catch (DaprException exception) when (!cancellation.IsCancellationRequested)
        {
            Log.NotBuried(logger, SafeText.Of(id), topic, exception.Message);
            return Answer("RETRY");
        }
    }

    /// <summary>Returns whether a request is a delivery that proves by the token that the sidecar sends it.</summary>
    public static bool IsProvedDelivery(HttpRequest request, ServiceSettings settings) =>
        settings.Dapr.StartTopic is not null && request.Path == Path && TokenOf(settings) is { } token
        && HasToken(request, token);

    private bool IsSidecar(HttpRequest request) => TokenOf(settings) is not { } token || HasToken(request, token);

    private static bool HasToken(HttpRequest request, string token) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(token)),
        SHA256.HashData(Encoding.UTF8.GetBytes(request.Headers[TokenHeader].ToString())));

    /// <summary>Tells the sidecar what to do with the message. Source: Dapr's API reference of pub/sub, expected HTTP
    /// response.</summary>
    private static Ok<DaprAnswer> Answer(string status) => TypedResults.Ok(new DaprAnswer(status));

    private static partial class Log
    {
        [LoggerMessage(4211, LogLevel.Information,
            "Dapr's message {MessageId} is run {RunId} (was there: {WasThere}).")]
        public static partial void Started(ILogger logger, string messageId, RunId runId, bool wasThere);

        [LoggerMessage(4212, LogLevel.Warning, "Dapr's message {MessageId} cannot start a run: {Code}: {Reason}")]
        public static partial void Refused(
            ILogger logger, string messageId, string code, string reason, Exception? exception);

        [LoggerMessage(4213, LogLevel.Warning,
            "Dapr's message {MessageId} could not be started now, and is asked for again: {Reason}")]
        public static partial void NotStarted(ILogger logger, string messageId, string reason, Exception? exception);

        [LoggerMessage(4214, LogLevel.Error,
            "Dapr's message {MessageId} cannot go to the dead-letter topic {Topic}, and is asked for again: {Reason}")]
        public static partial void NotBuried(ILogger logger, string messageId, string topic, string reason);
    }
}

/// <summary>The answer to a message of the sidecar.</summary>
/// <param name="Status">SUCCESS, RETRY or DROP.</param>
internal sealed record DaprAnswer(string Status);

/// <summary>A message that could not start a run.</summary>
/// <param name="Code">The code of the refusal.</param>
/// <param name="Reason">The reason.</param>
/// <param name="MessageId">Id of the message; empty if it had none.</param>
/// <param name="Message">The message, as it arrived.</param>
internal sealed record DaprDeadLetter(string Code, string Reason, string MessageId, string Message);
