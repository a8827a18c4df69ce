using System.Buffers.Binary;
using System.Text;

namespace Workflows.ModelFiles.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("safetensors").FullName;

    [Theory]
    [InlineData("short", "too short")]
    [InlineData("length", "truncated, or not safetensors")]
    [InlineData("utf-8", "not UTF-8")]
    [InlineData("{", "is not JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}|4""", "truncated or damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}|12""", "truncated or damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}|4""", "'a' F32[2] needs 8 bytes")]
    [InlineData(
        """{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}|4""", "unknown type 'F99'", "MODEL_UNSUPPORTED")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}|4""", "'a' has a malformed")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999,99999999],"data_offsets":[0,4]}}|4""", "elements, wanted")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[2000000000,2000000000,2000000000],"data_offsets":[0,4]}}|4""", "malformed")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}|4""", "offsets -4 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":"x","data_offsets":[0,4]}}|4""", "'a' has a malformed")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,4]}}|4""", "'a' has a malformed")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}|4""", "'a' has a malformed")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}|4""", "'a' has a malformed")]
    [InlineData("""{"a":5}|4""", "'a' has a malformed")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"""
        + """ "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}|8""",
        "'b' begins at 4, wanted 8: it overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}|8""", "leaves a hole")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"""
        + """ "a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}|4""",
        "'a' occurs twice")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"""
        + """ "\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}|4""",
        "'a' occurs twice")]
    public void Open_Rubbish_SaysWhatIsWrong(
        string content, string problem, string code = "MODEL_FILES_DAMAGED")
    {
        var path = Path.Combine(_folder, "x.safetensors");
        File.WriteAllBytes(path, content switch
        {
            "short" => [1, 2, 3],
            "length" => [255, 255, 255, 255, 255, 255, 255, 255, (byte)'{'],
            "utf-8" => [7, 0, 0, 0, 0, 0, 0, 0, .. "{\""u8, 0xff, .. "\":5"u8, (byte)'}'],
            _ => Bytes(content),
        });

        var fault = Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path));

        Assert.Contains(problem, fault.Problem, StringComparison.Ordinal);
        Assert.Equal((code, path), (fault.ErrorCode, fault.Path));
    }

    [Fact]
    public void Open_NoFile_IsAFormatFault()
    {
        Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(Path.Combine(_folder, "missing")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Bytes(string content)
    {
        var parts = content.Split('|');
        var header = Encoding.UTF8.GetBytes(parts[0]);
        var bytes = new byte[8 + header.Length + (parts.Length > 1 ? int.Parse(parts[1]) : 0)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        header.CopyTo(bytes, 8);
        return bytes;
    }
}
