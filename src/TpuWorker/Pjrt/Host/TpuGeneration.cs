namespace Workflows.TpuWorker.Pjrt.Host;

/// <summary>A generation of TPU chips, recognised by its PCI device.</summary>
/// <param name="Name">The name that accelerator types and topologies use, such as <c>v5e</c>.</param>
/// <param name="UsesVfio">
/// true if the chips' nodes are <c>/dev/vfio/N</c>, false if they are <c>/dev/accelN</c>.
/// </param>
public sealed record TpuGeneration(string Name, bool UsesVfio)
{
    /// <summary>Google's PCI vendor number; its network cards have it too.</summary>
    internal const int Vendor = 0x1ae0;

    private static readonly Dictionary<int, TpuGeneration> ByDevice = new()
    {
        [0x0027] = new("v2/v3", UsesVfio: false),
        [0x005e] = new("v4", UsesVfio: false),
        [0x0062] = new("v5p", UsesVfio: true),
        [0x0063] = new("v5e", UsesVfio: true),
        [0x006f] = new("v6e", UsesVfio: true),
        [0x0076] = new("tpu7x", UsesVfio: true),
        [0x007c] = new("tpu8t", UsesVfio: true),
        [0x0083] = new("tpu8i", UsesVfio: true),
    };

    /// <summary>Finds the generation of a PCI device of Google's.</summary>
    /// <param name="device">The device number.</param>
    /// <returns>The generation; null for a device that is no TPU.</returns>
    internal static TpuGeneration? Of(int device) => ByDevice.GetValueOrDefault(device);
}
