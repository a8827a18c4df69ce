using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows resources [ID]: shows what a run has or had in the cloud, or what all runs have
/// there now.</summary>
internal static class ResourcesCommand
{
    /// <summary>Runs that can have nodes; those of other runs were proved gone before their end.</summary>
    private const string Live = "&status=pending,running,suspended,terminated";

    private static readonly Argument<string?> Id = new("id")
    {
        Description = "The run; without it what all runs have in the cloud now.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public static Command Create() => new Command(
        "resources", "Show the nodes and queued resources of a run, with the proof of their deletion: workflows "
            + "resources run-1a2b3c4d5e")
    {
        Id, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var id = parsed.GetValue(Id);
        var resources = id is null
            ? await AliveAsync(link, cancellation) : await link.ResourcesAsync(id, cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(resources, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var line in resources.SelectMany(LinesOf))
        {
            Console.WriteLine(TerminalText.Of(line));
        }

        Console.WriteLine(EndOf(id, resources));
        return ExitCodes.Done;
    });

    /// <summary>Returns whether a resource may exist, and cost.</summary>
    internal static bool IsAlive(RunResource resource) => resource.State is ResourceState.Asked
        or ResourceState.Ready or ResourceState.Stopped or ResourceState.Deleting;

    /// <summary>Formats a resource: where it is and what it costs, and then why it ended.</summary>
    internal static IEnumerable<string> LinesOf(RunResource resource)
    {
        var cost = resource.Kind == ResourceKind.Node
            ? string.Create(CultureInfo.InvariantCulture, $"{resource.Usd:0.0000} USD") : "queued";
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{WireName.Of(resource.State),-8} {resource.Name}  {resource.AcceleratorType} in {resource.Zone}, "
            + $"{WireName.Of(resource.Provisioning)}, asked {resource.AskedAt:yyyy-MM-dd HH:mm:ss}Z, {cost}");
        if (resource.WaitsUntil is { } until && IsAlive(resource))
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"         waits for capacity until {until:yyyy-MM-dd HH:mm:ss}Z");
        }

        if (resource.Why is { } why)
        {
            yield return $"         {(resource.Code is { } code ? $"{code}: " : "")}{why}";
        }

        if (resource.Deletion is { GoneAt: { } gone } deletion)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"         {deletion.State} at {gone:yyyy-MM-dd HH:mm:ss}Z");
        }
    }

    private static string EndOf(string? id, IReadOnlyList<RunResource> resources)
    {
        var alive = resources.Count(IsAlive);
        return id is null && alive == 0 ? "No run has anything in the cloud. Leftovers of others: workflows sweep"
            : resources.Count == 0 ? "The run has asked for nothing yet."
            : alive == 0 ? "Nothing of it is left in the cloud."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{alive} may be in the cloud, for {PriceOf(resources):0.00} USD an hour.");
    }

    private static double PriceOf(IEnumerable<RunResource> resources) =>
        resources.Where(each => each.State == ResourceState.Ready).Sum(each => each.UsdPerHour);

    private static async Task<IReadOnlyList<RunResource>> AliveAsync(ServiceLink link, CancellationToken cancellation)
    {
        var alive = new List<RunResource>();
        await foreach (var (runs, _) in link.ListAsync(
            Live, int.MaxValue, line => Console.Error.WriteLine(TerminalText.Of(line)), cancellation))
        {
            foreach (var run in runs)
            {
                alive.AddRange((await link.ResourcesAsync($"{run.Id}", cancellation)).Where(IsAlive));
            }
        }

        return alive;
    }
}
