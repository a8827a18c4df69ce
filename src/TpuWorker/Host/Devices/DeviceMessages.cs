using System.Text.Json;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>A request to the process that holds a plugin; one of its parts is set.</summary>
/// <param name="Open">Loads the plugin, and checks that it computes.</param>
/// <param name="Train">A <c>TrainJob</c> as protobuf.</param>
/// <param name="Decode">Texts to continue.</param>
internal sealed record DeviceOrder(OpenOrder? Open = null, byte[]? Train = null, DecodeWork? Decode = null);

/// <param name="Plugin">Path of the plugin.</param>
/// <param name="Precision">full or mixed; null for the plugin's default.</param>
/// <param name="ProgramFolder">The folder of compiled programs.</param>
/// <param name="Devices">Number of the plugin's devices that share the work; null for all, or one processor.</param>
internal sealed record OpenOrder(string Plugin, string? Precision, string ProgramFolder, int? Devices = null);

/// <summary>An answer; a refusal has a code that <c>docs/errors.md</c> lists.</summary>
/// <param name="Content">The result; null for a refusal.</param>
/// <param name="Code">The code of the refusal.</param>
/// <param name="Message">The message of the refusal.</param>
internal sealed record DeviceAnswer(byte[]? Content, string? Code = null, string? Message = null);

/// <summary>A notification during the work; one of its parts is set.</summary>
/// <param name="Stage">A stage that begins or has ended.</param>
/// <param name="Step">A step's figures.</param>
/// <param name="Completed">Prompts done.</param>
internal sealed record DeviceNote(ExecutorStage? Stage = null, TrainingProgress? Step = null, int? Completed = null);

/// <summary>Encodes and decodes the messages.</summary>
internal static class DeviceMessages
{
    public static byte[] ToBytes<T>(T message) => JsonSerializer.SerializeToUtf8Bytes(message);

    public static T Read<T>(ReadOnlySpan<byte> bytes) => JsonSerializer.Deserialize<T>(bytes)
        ?? throw new InvalidDataException($"A message of the device's process is no {typeof(T).Name}.");
}
