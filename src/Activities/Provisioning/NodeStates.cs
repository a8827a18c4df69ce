using Google.Cloud.Tpu.V2;

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

    /// <summary>
    /// Returns whether a node in this state is gone, or about to go, whatever its worker says. Every other state may be
    /// a late or a wrong one: a node whose worker is connected works.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <returns>false for a state that this program does not know, too.</returns>
    public static bool IsEnd(string state) => state is NotFound
        or nameof(Node.Types.State.Preempted) or nameof(Node.Types.State.Terminated)
        or nameof(Node.Types.State.Stopping) or nameof(Node.Types.State.Stopped)
        or nameof(Node.Types.State.Deleting)
        or nameof(Node.Types.State.Hiding) or nameof(Node.Types.State.Hidden);
}
