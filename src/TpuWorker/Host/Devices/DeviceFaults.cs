using Workflows.TpuWorker.Pjrt.Processes;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>The exception of work that failed on a device.</summary>
/// <param name="code">A code of <c>docs/errors.md</c>.</param>
/// <param name="message">The cause as a sentence.</param>
/// <param name="innerException">The child's fault, if there was one.</param>
internal sealed class DeviceException(string code, string message, Exception? innerException = null)
    : TpuWorkerException(code, message, innerException);

/// <summary>The codes of devices that fail.</summary>
internal static class DeviceFaults
{
    /// <summary>
    /// The device hangs, aborts or is gone. The service releases the node and continues with another one.
    /// </summary>
    public const string Lost = "DEVICE_LOST";

    /// <summary>The plugin refuses the work; another node would refuse it too.</summary>
    public const string Refused = "DEVICE_REFUSED";

    /// <summary>The plugin or the chips cannot be used at all.</summary>
    public const string Unusable = "DEVICE_UNUSABLE";

    public static DeviceException Of(ChildFaultException fault) => new(
        fault.Fault == ChildFault.Refused ? Refused : Lost, fault.Message, fault);
}
