namespace Workflows.Activities.Provisioning;

/// <summary>Keys of labels and metadata that every node of this service carries.</summary>
public static class NodeLabels
{
    /// <summary>Label with the run's id.</summary>
    public const string Run = "workflows-run";

    /// <summary>Metadata keys that the worker reads.</summary>
    public const string Gateway = "workflows-gateway", Secret = "workflows-secret", NodeName = "workflows-node",
        Certificate = "workflows-gateway-sha256";
}
