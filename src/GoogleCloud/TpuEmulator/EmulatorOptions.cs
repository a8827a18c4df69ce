namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>Settings of the emulator.</summary>
public sealed class EmulatorOptions
{
    /// <summary>Gets or sets the folder of the emulator's state and of its VMs' logs.</summary>
    /// <value>Default <c>.tpu-emulator</c>. A node outlives the emulator's process, as a real one does.</value>
    public string StateDirectory { get; set; } = ".tpu-emulator";

    /// <summary>Gets or sets the command that a VM runs when it boots.</summary>
    /// <value>Program and arguments; if empty, VMs run nothing.</value>
    public IReadOnlyList<string> WorkerCommand { get; set; } = [];

    /// <summary>Gets or sets the user of the VMs' commands, who has no right on this emulator's folder.</summary>
    /// <value>User id; null for the emulator's own user. Only root, on Linux, can start another user's processes:
    /// elsewhere it is the emulator's own user, as it is, with a message in the log, if the user cannot read the
    /// command's files.</value>
    public uint? WorkerUser { get; set; }

    /// <summary>Gets or sets the REST address of this emulator as a VM sees it; its metadata server is below
    /// it.</summary>
    /// <value><c>host:port</c>.</value>
    public string RestHost { get; set; } = "127.0.0.1:8082";

    /// <summary>Gets or sets the address of this emulator's buckets as a VM sees it.</summary>
    /// <value><c>host:port</c>; null to give VMs no address.</value>
    public string? StorageHost { get; set; }

    /// <summary>Gets or sets the scenario of projects that have none of their own.</summary>
    /// <value>JSON text; default: no faults.</value>
    public string DefaultScenario { get; set; } = "{}";
}
