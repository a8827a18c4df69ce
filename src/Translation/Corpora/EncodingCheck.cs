using System.Text;
using System.Text.Unicode;

namespace Workflows.Translation.Corpora;

/// <summary>Recognises a file in another encoding, as opposed to a file with a few bad rows.</summary>
internal sealed class EncodingCheck(string path)
{
    // Windows code page 949 contains all of EUC-KR, and the syllables that it lacks.
    private static readonly Encoding Cp949 = CodePagesEncodingProvider.Instance.GetEncoding(
        949, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD"))!;

    private long _korean, _others;

    public static CorpusException Korean(string path, long? line = null) => new(
        CorpusError.FileUnreadable, path,
        $"its text is EUC-KR (CP949), not UTF-8; convert it: iconv -f cp949 -t utf-8 '{path}' > '{path}.utf8', "
        + "and give that file its old ending.", line);

    /// <summary>Returns whether bytes that are not UTF-8 are Korean in EUC-KR or CP949.</summary>
    public static bool IsKorean(ReadOnlySpan<byte> bytes)
    {
        var text = Cp949.GetString(bytes);
        return !text.Contains('\uFFFD', StringComparison.Ordinal) && text.AsSpan().ContainsAnyInRange('가', '힣');
    }

    public bool IsUtf8(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
        {
            _others += Ascii.IsValid(bytes) ? 0 : 1;
            return true;
        }

        var isKorean = IsKorean(bytes);
        _korean += isKorean ? 1 : 0;
        _others += isKorean ? 0 : 1;
        return false;
    }

    /// <summary>Checks the file; called at its end.</summary>
    public void Finish()
    {
        if (_korean > _others)
        {
            throw Korean(path);
        }
    }
}
