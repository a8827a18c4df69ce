using System.Collections.Frozen;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>The statuses of runs by the names of Durable Functions.</summary>
internal static class RuntimeStatuses
{
    private static readonly (string Name, RunStatus Status)[] Pairs =
    [
        ("Pending", RunStatus.Pending), ("Running", RunStatus.Running), ("Suspended", RunStatus.Suspended),
        ("Completed", RunStatus.Succeeded), ("Failed", RunStatus.Failed), ("Canceled", RunStatus.Cancelled),
        ("Terminated", RunStatus.Terminated),
    ];

    private static readonly FrozenDictionary<string, RunStatus> ByName = Pairs.ToFrozenDictionary(
        pair => pair.Name, pair => pair.Status, StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<RunStatus, string> ByStatus = Pairs.ToFrozenDictionary(
        pair => pair.Status, pair => pair.Name);

    /// <summary>Gets the names, in the order of a run's life.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Pairs.Select(pair => pair.Name)];

    /// <summary>Returns the name of a status.</summary>
    public static string Of(RunStatus status) => ByStatus[status];

    /// <summary>Finds the status of a name, in any case, as Durable Functions reads it.</summary>
    public static RunStatus? Find(string name) =>
        ByName.TryGetValue(name, out var status) ? status
        : name.Equals("ContinuedAsNew", StringComparison.OrdinalIgnoreCase) ? RunStatus.Running
        : null;
}
