namespace Workflows.Activities.Provisioning;

/// <summary>Settings by which a TPU VM reaches this service.</summary>
/// <param name="GatewayAddress">Address of the worker gateway as the VM sees it.</param>
/// <param name="WorkerImage">Container image of the worker.</param>
/// <param name="StartupScript">Script that the VM runs when it boots.</param>
/// <param name="GatewayCertificate">
/// The only certificate that workers accept, by <see cref="GatewayPin"/>; null: any that the system's roots vouch for.
/// </param>
/// <param name="IsGatewaySet">true if the address is one of the settings, not this machine's own port.</param>
public sealed record WorkerBootstrap(
    Uri GatewayAddress, string WorkerImage, string StartupScript, string? GatewayCertificate = null,
    bool IsGatewaySet = true);
