using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Workflows.Translation.Metrics.Mecab;

/// <summary>Reads the files of a compiled dictionary.</summary>
internal static class MecabFile
{
    public static byte[] Read(string folder, string name, int most = int.MaxValue)
    {
        var path = Path.Combine(folder, name);
        try
        {
            using var stream = File.OpenRead(path);
            var bytes = new byte[Math.Min(stream.Length, most)];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MecabDictionaryException(path,
                "there is no such file; the folder must hold the compiled mecab-ko-dic (sys.dic, unk.dic, char.bin, "
                + "matrix.bin, dicrc).", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MecabDictionaryException(path, error.Message, error);
        }
    }

    public static void Check(
        [DoesNotReturnIf(false)] bool isRight, string folder, string name, string reason = "the file is damaged.")
    {
        if (!isRight)
        {
            throw new MecabDictionaryException(Path.Combine(folder, name), reason);
        }
    }

    public static T[] Array<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes).ToArray();
}
