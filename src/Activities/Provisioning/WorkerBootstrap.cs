namespace Workflows.Activities.Provisioning;

/// <summary>Settings with which a TPU VM reaches this service.</summary>
/// <param name="GatewayAddress">Address of the worker gateway as the VM sees it.</param>
/// <param name="WorkerImage">Container image of the worker.</param>
/// <param name="StartupScript">Script that the VM runs when it boots.</param>
/// <param name="GatewayCertificate">
/// The only certificate that workers accept, as a <see cref="GatewayPin"/>; null for any that the system trusts.
/// </param>
/// <param name="IsGatewaySet">true if the address comes from the settings, false for this machine's own port.</param>
public sealed record WorkerBootstrap(
    Uri GatewayAddress, string WorkerImage, string StartupScript, string? GatewayCertificate = null,
    bool IsGatewaySet = true)
{
    /// <summary>Gets the gateways of other services that share this one's state, which workers try after it.</summary>
    public IReadOnlyList<Uri> OtherGateways { get; init; } = [];

    /// <summary>Gets all gateways, as the metadata of nodes has them: the addresses with commas between them.</summary>
    internal string Gateways => string.Join(',', OtherGateways.Prepend(GatewayAddress));
}
