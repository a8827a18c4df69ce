using Microsoft.DurableTask.Client;
using Workflows.Activities.Readiness;
using Workflows.Service.Database;
using Workflows.Service.Hosting;
using Workflows.Service.Messages;

namespace Workflows.Service.Runs;

/// <summary>A part that the service needs to take requests.</summary>
/// <param name="Name"><c>engine</c>, <c>disk</c>, <c>database</c>, <c>broker</c> or <c>credentials</c>.</param>
/// <param name="Ready">true if it works now.</param>
public sealed record ReadyPart(string Name, bool Ready);

/// <summary>The answer of a service about its parts. The reasons are told by the log and by
/// <c>workflows doctor</c>.</summary>
/// <param name="Ready">true if all of them work.</param>
/// <param name="Parts">The parts; database and broker only where they are set, credentials only where runs
/// pay.</param>
public sealed record ReadyView(bool Ready, IReadOnlyList<ReadyPart> Parts);

/// <summary>Serves GET /readyz: 200 if engine, state folder, database, broker and credentials work, else 503.</summary>
internal static class ReadyEndpoint
{
    /// <summary>Most time for an answer of the engine; who asks this seldom waits longer.</summary>
    private static readonly TimeSpan EngineTime = TimeSpan.FromSeconds(3);

    public static void MapReadiness(this IEndpointRouteBuilder routes) => routes.MapGet("/readyz", LookAsync)
        .Described("checkReadiness", "Answers whether the service can take requests now.")
        .Produces<ReadyView>().Produces<ReadyView>(StatusCodes.Status503ServiceUnavailable).AllowAnonymous()
        .DisableRateLimiting();

    private static async Task<IResult> LookAsync(
        ServiceSettings settings, DurableTaskClient client, RunSubscriber subscriber, CredentialLook credentials,
        IServiceProvider provider,
        CancellationToken cancellation)
    {
        var parts = new List<ReadyPart>
        {
            new("engine", await AnswersAsync(settings, client, cancellation)),
            new("disk", MachineChecks.Disk(settings.StateDirectory).Level != ReadinessLevel.Fail),
        };
        if (provider.GetService<DatabaseState>() is { } database)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(EngineTime);
            parts.Add(new ReadyPart("database", await database.AnswersAsync(limit.Token)));
        }

        if (settings.PubSub.Subscription is not null)
        {
            parts.Add(new ReadyPart("broker", subscriber.IsReached));
        }

        if (CredentialLook.Pays(settings))
        {
            parts.Add(new ReadyPart("credentials", await credentials.HasAsync(cancellation)));
        }

        var view = new ReadyView(parts.TrueForAll(part => part.Ready), parts);
        return view.Ready
            ? TypedResults.Ok(view)
            : TypedResults.Json(view, statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<bool> AnswersAsync(
        ServiceSettings settings, DurableTaskClient client, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(EngineTime);
        try
        {
            var line = await DoctorEndpoint.EngineAsync(settings, client, limit.Token);
            return line.Level == ReadinessLevel.Ok;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
