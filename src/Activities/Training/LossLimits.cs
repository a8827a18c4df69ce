using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>
/// Ends a run that loses too many nodes. Preemptions are the way of spot nodes, so that a run bears many; failures of
/// nodes or workers come again on every node, so that it bears few. Both are counted over all stages of a run, from its
/// start or its last resumption; the planned end of a flex-start node is neither.
/// </summary>
internal static class LossLimits
{
    private const string Anew = "What it has trained is kept: a resumption continues it, and counts anew.";

    /// <summary>Judges one more loss.</summary>
    /// <param name="ledger">The losses before.</param>
    /// <param name="spec">The run; one of an earlier version has no limits here.</param>
    /// <param name="cause">The cause of the loss.</param>
    /// <returns>The reason to end the run; null to go on.</returns>
    public static RunFailure? Judge(RunLedger ledger, RunSpec spec, string cause)
    {
        if (spec.Tpu is not { MaxPreemptions: { } preemptions, MaxFailures: { } failures }
            || cause == JobObservation.DurationOver)
        {
            return null;
        }

        var isPreemption = IsPreemption(cause);
        var count = 1 + RunParts.Current(ledger.Read(spec.RunId)).Where(entry => entry.Kind == LedgerKinds.Loss)
            .Select(entry => entry.Data.Deserialize<OpenRecovery>(RunLedger.Json)!.Cause)
            .Count(each => each != JobObservation.DurationOver && IsPreemption(each) == isPreemption);
        return count <= (isPreemption ? preemptions : failures) ? null
            : isPreemption ? new RunFailure(
                RunFailure.TooManyPreemptions,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The cloud took {Nodes(count)} of the run, the last one as {cause}, and it bears {preemptions} "
                    + $"(tpu.maxPreemptions)."),
                "Use on-demand provisioning, set tpu.fallback to \"on-demand\", name other zones, or raise "
                + $"tpu.maxPreemptions. {Anew}")
            : new RunFailure(
                RunFailure.TooManyFailures,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Nodes(count)} of the run failed, the last one as {cause}, and it bears {failures} "
                    + $"(tpu.maxFailures)."),
                $"{FixOf(cause)} Raise tpu.maxFailures if they are due to chance. {Anew}");
    }

    /// <summary>Returns whether the cloud took the node for good.</summary>
    private static bool IsPreemption(string cause) => cause is "PREEMPTED" or "TERMINATED" or "STOPPING" or "STOPPED"
        or "DELETING" or "HIDING" or "HIDDEN" or "NOT_FOUND";

    private static string FixOf(string cause) => cause switch
    {
        "WORKER_SILENT" => "Look at the log of the VM: the worker crashed, hung, or cannot reach the gateway any more. "
            + "On-demand provisioning does not help.",
        "DEVICE_LOST" => "Look at the log of the VM for the plugin's last lines, and use another accelerator type, "
            + "other zones, or another tpu.runtimeVersion.",
        _ => "The cloud repairs or restarts the nodes of this place: name other zones.",
    };

    private static string Nodes(int count) =>
        count == 1 ? "1 node" : string.Create(CultureInfo.InvariantCulture, $"{count} nodes");
}
