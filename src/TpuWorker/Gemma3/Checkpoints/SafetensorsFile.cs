using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// An open safetensors file: 8 bytes of header length, a JSON header, then the tensors back to back. The header is
/// checked whole on opening (types, sizes, no hole, no overlap); tensors are read when asked for.
/// </summary>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;

    private const int PieceElements = 1 << 20;

    // The limit of the reference reader.
    private const long MaxHeaderBytes = 100_000_000;

    private readonly SafeFileHandle _file;
    private readonly long _dataStart;

    private SafetensorsFile(string path, SafeFileHandle file, long dataStart, Dictionary<string, StoredTensor> tensors)
    {
        (Path, _file, _dataStart, Tensors) = (path, file, dataStart, tensors);
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path);
            var length = RandomAccess.GetLength(file);
            var header = ReadHeader(path, file, length);
            var dataStart = LengthBytes + header.LongLength;
            var tensors = SafetensorsHeader.Parse(path, header, length - dataStart);
            return new SafetensorsFile(path, file, dataStart, tensors);
        }
        catch (Exception fault)
        {
            file?.Dispose();
            if (fault is IOException or UnauthorizedAccessException or JsonException)
            {
                throw new CheckpointFormatException(path, $"cannot be read: {fault.Message}", fault);
            }

            throw;
        }
    }

    /// <summary>Reads F32, BF16 or F16 as single precision.</summary>
    public HostTensor ReadFloats(string name)
    {
        var stored = Find(name);
        var count = stored.Shape.Count;
        var values = new float[count];
        switch (stored.Type)
        {
            case "F32":
                ReadPieces<float>(name, stored.Begin, values, static (stored, floats) => stored.CopyTo(floats));
                break;
            case "BF16":
                ReadPieces<ushort>(name, stored.Begin, values, BrainFloat.Widen);
                break;
            case "F16":
                ReadPieces<Half>(name, stored.Begin, values, static (halves, floats) =>
                    TensorPrimitives.ConvertToSingle(halves, floats));
                break;
            default:
                throw new CheckpointFormatException(Path, $"tensor '{name}' is {stored.Type}, wanted F32, BF16 or F16");
        }

        return new HostTensor(stored.Shape, values);
    }

    public HostTensor ReadInts(string name)
    {
        var stored = Find(name);
        if (stored.Type != "I32")
        {
            throw new CheckpointFormatException(Path, $"tensor '{name}' is {stored.Type}, wanted I32");
        }

        var values = new int[stored.Shape.Count];
        ReadBytes(name, MemoryMarshal.AsBytes(values.AsSpan()), stored.Begin);
        return new HostTensor(stored.Shape, values);
    }

    public void Dispose() => _file.Dispose();

    private static byte[] ReadHeader(string path, SafeFileHandle file, long length)
    {
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (length < LengthBytes || RandomAccess.Read(file, prefix, 0) != LengthBytes)
        {
            throw new CheckpointFormatException(path, $"is {length} bytes long: too short for a safetensors file");
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > (ulong)Math.Min(MaxHeaderBytes, length - LengthBytes))
        {
            throw new CheckpointFormatException(
                path, $"header of {headerLength} bytes does not fit a file of {length}: truncated, or not safetensors");
        }

        var header = new byte[headerLength];
        RandomAccess.Read(file, header, LengthBytes);
        return header;
    }

    /// <summary>
    /// Widens piece by piece: the stored form of a large tensor is never in memory whole, and it may have more bytes
    /// than a span.
    /// </summary>
    private void ReadPieces<T>(string name, long begin, float[] values, Widening<T> widen)
        where T : struct
    {
        var piece = new T[Math.Min(PieceElements, values.Length)];
        for (var start = 0L; start < values.Length; start += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, values.Length - start));
            ReadBytes(name, MemoryMarshal.AsBytes(part), begin + (start * Unsafe.SizeOf<T>()));
            widen(part, values.AsSpan((int)start, part.Length));
        }
    }

    private delegate void Widening<T>(ReadOnlySpan<T> stored, Span<float> values);

    private StoredTensor Find(string name) => Tensors.TryGetValue(name, out var stored)
        ? stored
        : throw new CheckpointFormatException(Path, $"tensor '{name}' is missing");

    private void ReadBytes(string name, Span<byte> bytes, long begin)
    {
        var done = 0;
        while (done < bytes.Length)
        {
            var read = RandomAccess.Read(_file, bytes[done..], _dataStart + begin + done);
            if (read == 0)
            {
                throw new CheckpointFormatException(Path, $"ends within tensor '{name}'");
            }

            done += read;
        }
    }
}
