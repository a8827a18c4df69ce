using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Workflows.ModelFiles;

/// <summary>
/// An open safetensors file: 8 bytes of header length, a JSON header, then the tensors back to back. Opening checks the
/// whole header (types, sizes, no gap, no overlap, the file's length); tensors are read on request.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;

    private readonly SafeFileHandle _file;
    private readonly long _dataStart;

    private SafetensorsFile(
        string path, SafeFileHandle file, long dataStart, long length, Dictionary<string, StoredTensor> tensors)
    {
        (Path, _file, _dataStart, Length, Tensors) = (path, file, dataStart, length, tensors);
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>Bytes of the whole file.</summary>
    public long Length { get; }

    /// <summary>Every tensor by its name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file.</returns>
    /// <exception cref="ModelFileException">
    /// It is missing, not a regular file, incomplete, or its header does not match its content.
    /// </exception>
    public static SafetensorsFile Open(string path)
    {
        var file = RegularFile.Open(path, out var length);
        try
        {
            var header = ReadHeader(path, file, length);
            var dataStart = LengthBytes + header.LongLength;
            var tensors = SafetensorsHeader.Parse(path, header, length - dataStart);
            return new SafetensorsFile(path, file, dataStart, length, tensors);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Type, sizes and place.</returns>
    /// <exception cref="ModelFileException">There is no tensor with that name.</exception>
    public StoredTensor Find(string name) => Tensors.TryGetValue(name, out var stored)
        ? stored
        : throw new ModelFileException(Path, $"tensor '{name}' is missing");

    /// <summary>Returns the position of a tensor's byte in the file.</summary>
    internal long PlaceOf(StoredTensor tensor, long offset) => _dataStart + tensor.Begin + offset;

    /// <summary>Reads bytes of a tensor as they are stored, little-endian.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="offset">First byte, counted from the tensor's own first.</param>
    /// <param name="bytes">The span to fill; it must end within the tensor.</param>
    /// <exception cref="ModelFileException">The disk reports an error, or the file became shorter.</exception>
    public void Read(StoredTensor tensor, long offset, Span<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + bytes.Length, tensor.End - tensor.Begin);
        RegularFile.Read(_file, Path, bytes, _dataStart + tensor.Begin + offset);
    }

    /// <inheritdoc />
    public void Dispose() => _file.Dispose();

    private static byte[] ReadHeader(string path, SafeFileHandle file, long length)
    {
        if (length < LengthBytes)
        {
            throw new ModelFileException(path, $"it is {length} bytes long: too short for a safetensors file");
        }

        Span<byte> prefix = stackalloc byte[LengthBytes];
        RegularFile.Read(file, path, prefix, 0);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > (ulong)(length - LengthBytes))
        {
            throw new ModelFileException(
                path, $"a header of {headerLength} bytes does not fit its {length}: truncated, or not safetensors");
        }

        if (headerLength > (ulong)FileLimits.SafetensorsHeader)
        {
            throw new ModelFileException(
                path, $"its header has {headerLength} bytes, wanted {FileLimits.SafetensorsHeader} at most");
        }

        var header = new byte[headerLength];
        RegularFile.Read(file, path, header, LengthBytes);
        return header;
    }
}
