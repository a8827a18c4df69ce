namespace Workflows.Activities.Provisioning;

/// <summary>
/// States of a node in addition to those of <see cref="Google.Cloud.Tpu.V2.Node.Types.State"/>; histories and ledgers
/// contain these strings.
/// </summary>
internal static class NodeStates
{
    /// <summary>The cloud answers that the node does not exist, which proves its teardown.</summary>
    public const string NotFound = "NOT_FOUND";

    /// <summary>The cloud does not answer at the moment, so the node's state is unknown.</summary>
    public const string Unreachable = "UNREACHABLE";
}
