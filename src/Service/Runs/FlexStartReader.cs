using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Reads the way to ask for nodes, and the maximum run duration of those that flex-start provides.</summary>
internal static class FlexStartReader
{
    /// <summary>Google's own limit: 7 days.</summary>
    private const double MostHours = 7 * 24;

    /// <summary>A day; chosen, since a run that takes longer continues on another node.</summary>
    private const double DefaultHours = 24;

    /// <summary>Reads the way to ask for nodes.</summary>
    /// <param name="tpu">The request; null for none.</param>
    /// <param name="provisioning">Its mode.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>Queued resources for flex-start, which is given by no other way.</returns>
    public static RequestWay ReadWay(TpuRequest? tpu, ProvisioningMode provisioning, RequestCheck check)
    {
        var way = check.OneOf<RequestWay>(tpu?.Request, "tpu.request");
        if (provisioning != ProvisioningMode.FlexStart)
        {
            return way;
        }

        check.That(tpu?.Request != WireName.Of(RequestWay.Node), "tpu.request",
            "Flex-start is given by queued resources only.", "Use \"queued-resource\", or leave it out.");
        return RequestWay.QueuedResource;
    }

    /// <summary>Reads the hours after which the cloud deletes a node.</summary>
    /// <param name="tpu">The request; null for none.</param>
    /// <param name="provisioning">Its mode.</param>
    /// <param name="least">The fewest hours.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>Hours; 0 for modes without a maximum.</returns>
    public static double ReadMaxRunHours(
        TpuRequest? tpu, ProvisioningMode provisioning, double least, RequestCheck check)
    {
        const string Field = "tpu.maxRunHours";
        if (provisioning == ProvisioningMode.FlexStart)
        {
            return check.InRange(tpu?.MaxRunHours ?? DefaultHours, Field, least, MostHours);
        }

        check.That(tpu?.MaxRunHours is null, Field, "Only nodes of flex-start have a maximum run duration.",
            "Leave it out, or set tpu.provisioning to \"flex-start\"; maxHours limits a run of any kind.");
        return 0;
    }
}
