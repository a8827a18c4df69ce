using System.Text.Json;

namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>A failure as the child reports it.</summary>
/// <param name="Text">The cause as a sentence.</param>
/// <param name="Code">The plugin's code, if the plugin refused.</param>
internal sealed record ChildError(string Text, PjrtErrorCode? Code)
{
    /// <summary>
    /// Gets a value indicating whether the device is lost. Plugins report that as "unavailable", "aborted", "data loss"
    /// or "internal"; lack of memory and wrong arguments have codes of their own.
    /// </summary>
    public bool IsDeviceLost => Code is PjrtErrorCode.Unavailable or PjrtErrorCode.Aborted or PjrtErrorCode.DataLoss
        or PjrtErrorCode.Internal;

    /// <summary>Describes an exception.</summary>
    public static ChildError Of(Exception exception) =>
        new(exception.Message, exception is PjrtException plugin ? plugin.Code : null);

    /// <summary>Parses the bytes of <see cref="ToBytes"/>.</summary>
    /// <exception cref="JsonException">The bytes are something else.</exception>
    public static ChildError Parse(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize<ChildError>(bytes) ?? throw new JsonException("The failure is null.");

    /// <summary>Writes the failure as JSON.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);
}
