using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Keys of labels and metadata that every node of this service carries.</summary>
public static class NodeLabels
{
    /// <summary>Label with the run's id.</summary>
    public const string Run = "workflows-run";

    /// <summary>
    /// Label with the id of the service that created the node, <see cref="NodeSecrets.ServiceId"/>. Nodes of earlier
    /// versions of this program lack it.
    /// </summary>
    public const string Service = "workflows-service";

    /// <summary>
    /// Label with the id of the group whose variants pass the node on; absent if they do not.
    /// </summary>
    public const string Group = "workflows-group";

    /// <summary>Metadata keys that the worker reads.</summary>
    public const string Gateway = "workflows-gateway", Secret = "workflows-secret", NodeName = "workflows-node",
        Certificate = "workflows-gateway-sha256";

    /// <summary>
    /// Returns whether labels belong to a run of a service. Users can choose run ids, so two services in one project
    /// may both have a run with the same id.
    /// </summary>
    /// <param name="labels">Labels of a node.</param>
    /// <param name="run">The run.</param>
    /// <param name="serviceId">The service.</param>
    /// <returns>true also for nodes without a service label.</returns>
    internal static bool AreOf(IDictionary<string, string> labels, RunId run, string serviceId) =>
        labels.TryGetValue(Run, out var owner) && owner == run.Value
        && (!labels.TryGetValue(Service, out var maker) || maker == serviceId);
}
