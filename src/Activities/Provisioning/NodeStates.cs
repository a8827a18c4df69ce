namespace Workflows.Activities.Provisioning;

/// <summary>
/// States that a node can have beside those of <see cref="Google.Cloud.Tpu.V2.Node.Types.State"/>; histories and
/// ledgers hold these words.
/// </summary>
internal static class NodeStates
{
    /// <summary>The cloud answers that there is no such node: the proof of a teardown.</summary>
    public const string NotFound = "NOT_FOUND";

    /// <summary>The cloud does not answer now, which says nothing about the node.</summary>
    public const string Unreachable = "UNREACHABLE";
}
