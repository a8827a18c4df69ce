using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Capacity;
using Workflows.Activities.Readiness;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Files;
using Workflows.Service.Hosting;
using Workflows.Translation.Corpora;

namespace Workflows.Service.Runs;

/// <summary>The findings of the doctor.</summary>
/// <param name="Ready">true if no check failed.</param>
/// <param name="Lines">Every check.</param>
public sealed record DoctorView(bool Ready, IReadOnlyList<ReadinessLine> Lines);

/// <summary>Serves POST /doctor: checks whether runs, or one request, can work here. Starts and rents
/// nothing.</summary>
internal static class DoctorEndpoint
{
    private const string Project = "rehearsal-doctor";

    public static void MapDoctor(this IEndpointRouteBuilder routes, ServiceSettings settings) => routes.MapPost(
        "/doctor", (
            HttpRequest http, CloudReadiness readiness, PriceCatalog catalog, DurableTaskClient client,
            IRehearsalCloud rehearsal, SpendLimits limits, UploadReferences uploads, IServiceProvider provider,
            CancellationToken cancellation) =>
            LookAsync(
                http, settings, readiness, catalog, client, rehearsal, limits, uploads,
                provider.GetRequiredService<InputRoots>(), provider.GetService<DatabaseState>(), cancellation))
        .Described("examine", "Checks whether runs, or one request, can work here; starts nothing.", 400, 413)
        .HasBody<RunRequest>(isOptional: true);

    private static async Task<Ok<DoctorView>> LookAsync(
        HttpRequest http, ServiceSettings settings, CloudReadiness readiness, PriceCatalog catalog,
        DurableTaskClient client, IRehearsalCloud rehearsal, SpendLimits limits, UploadReferences uploads,
        InputRoots roots, DatabaseState? database, CancellationToken cancellation)
    {
        var text = await RunEndpoints.ReadAsync(http.Body, cancellation);
        var lines = new List<ReadinessLine>
        {
            MachineChecks.Disk(settings.StateDirectory),
            MachineChecks.Memory(),
            await EngineAsync(settings, client, cancellation),
        };
        if (database is not null)
        {
            lines.Add(await database.AnswersAsync(cancellation)
                ? new ReadinessLine("database", ReadinessLevel.Ok, $"The database {database.Name} answers.")
                : new ReadinessLine(
                    "database", ReadinessLevel.Fail, $"The database {database.Name} does not answer.",
                    "Look at that server, and at Workflows:Database."));
        }

        if (string.IsNullOrWhiteSpace(text))
        {
            lines.Add(new ReadinessLine(
                "request", ReadinessLevel.Warn, "No request is named: the cloud's side was not looked at.",
                "workflows doctor REQUEST"));
        }
        else
        {
            var request = uploads.Resolve(RunRequestReader.Parse(text));
            var spec = RunRequestReader.Complete(request, new RunId("doctor"), catalog, roots);
            lines.Add(new ReadinessLine("request", ReadinessLevel.Ok, "Its fields and files can be used."));
            if (spec.IsRehearsal)
            {
                var scenario = ScenarioFile.Read(request.Rehearsal!.Scenario);
                spec = spec with { Project = ProjectOf(scenario) };
                rehearsal.Prepare(spec.Project, scenario);
            }

            if (!spec.IsRehearsal)
            {
                lines.Add(await SpendingAsync(spec, limits, cancellation));
            }

            lines.AddRange(await readiness.AllAsync(
                // A name that stands for several services may lead to any of them.
                SubjectOf(spec), settings.IsShared ? null : ServicePorts.StateIdOf(settings.StateDirectory),
                cancellation));
        }

        return TypedResults.Ok(new DoctorView(lines.TrueForAll(line => line.Level != ReadinessLevel.Fail), lines));
    }

    /// <summary>Creates one emulated project for each scenario, since a project keeps its first one.</summary>
    private static string ProjectOf(string scenario) =>
        $"{Project}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(scenario)))[..12]}";

    private static ReadinessSubject SubjectOf(RunSpec spec) => new(
        spec.Project, spec.IsRehearsal, spec.Tpu.AcceleratorTypes, spec.Tpu.Zones, spec.Tpu.ServiceAccount,
        [
            .. new[]
            {
                ("model", (string?)spec.Model), ("data.train", spec.Data.Train), ("data.test", spec.Data.Test),
                ("data.validation", spec.Data.Validation),
            }
            .SelectMany(each => CorpusFiles.Names(each.Item2 ?? "").Select(name => (each.Item1, name)))
            .Where(each => ArtifactUri.TryParse(each.name, out _) is
                { Scheme: ArtifactScheme.CloudStorage or ArtifactScheme.Hub }),
        ])
    {
        Request = spec.Tpu.Request,
        Modes = spec.Tpu.Fallback == SpotFallback.OnDemand
            ? [spec.Tpu.Provisioning, ProvisioningMode.OnDemand] : [spec.Tpu.Provisioning],
    };

    private static async Task<ReadinessLine> SpendingAsync(
        RunSpec spec, SpendLimits limits, CancellationToken cancellation)
    {
        try
        {
            var spending = await limits.ViewAsync(cancellation);
            return limits.Refusal(spec, spending) is { } error
                ? new ReadinessLine("spending", ReadinessLevel.Fail, error.Message, error.Fix)
                : new ReadinessLine("spending", ReadinessLevel.Ok, string.Join(" ", spending.Sentences()));
        }
        catch (Grpc.Core.RpcException exception)
        {
            return new ReadinessLine(
                "spending", ReadinessLevel.Fail,
                $"The budgets of runs under way are not known without the engine: {exception.Status.Detail}",
                "Mend the check 'engine' first.");
        }
    }

    internal static async Task<ReadinessLine> EngineAsync(
        ServiceSettings settings, DurableTaskClient client, CancellationToken cancellation)
    {
        var where = settings.UsesEmbeddedEngine
            ? $"in '{Path.Combine(settings.StateDirectory, "engine")}'"
            : settings.DurableTaskAddress is { } address ? $"at {address}" : "of Workflows:DurableTaskConnectionString";
        try
        {
            await client.GetInstanceAsync("doctor", false, cancellation);
            return new ReadinessLine("engine", ReadinessLevel.Ok, $"The engine {where} answers.");
        }
        catch (Grpc.Core.RpcException exception)
        {
            return new ReadinessLine(
                "engine", ReadinessLevel.Fail, $"The engine {where} does not answer: {exception.Status.Detail}",
                settings.UsesEmbeddedEngine
                    ? "Look at the service's log, and at the disk of the state folder."
                    : "Look at that backend, and at Workflows:DurableTaskAddress or the connection string.");
        }
    }
}
