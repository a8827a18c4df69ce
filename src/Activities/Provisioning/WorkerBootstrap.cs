namespace Workflows.Activities.Provisioning;

/// <summary>Settings by which a TPU VM reaches this service.</summary>
/// <param name="GatewayAddress">Address of the worker gateway as the VM sees it.</param>
/// <param name="WorkerImage">Container image of the worker.</param>
/// <param name="StartupScript">Script that the VM runs when it boots.</param>
public sealed record WorkerBootstrap(Uri GatewayAddress, string WorkerImage, string StartupScript);
