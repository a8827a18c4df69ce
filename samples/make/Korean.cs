namespace Workflows.Samples;

/// <summary>Endings that depend on how the word before them ends.</summary>
internal static class Korean
{
    private const int FirstSyllable = 0xAC00;
    private const int LastSyllable = 0xD7A3;
    private const int Tails = 28;
    private const int TailL = 8;
    private const int TailSs = 20;

    /// <summary>The word with its particle; the particle is named by the form that follows a consonant.</summary>
    public static string WithParticle(string word, string particle)
    {
        var tail = Tail(word);
        return word + particle switch
        {
            "은" => tail == 0 ? "는" : "은",
            "이" => tail == 0 ? "가" : "이",
            "을" => tail == 0 ? "를" : "을",
            "과" => tail == 0 ? "와" : "과",
            "으로" => tail is 0 or TailL ? "로" : "으로",
            "이에요" => tail == 0 ? "예요" : "이에요",
            "이세요" => tail == 0 ? "세요" : "이세요",
            _ => throw new FormatException($"Unknown particle '{particle}' after '{word}'."),
        };
    }

    /// <summary>A verb's stem with 는, before which ㄹ is dropped: 만들 gives 만드는.</summary>
    public static string Modifier(string stem) =>
        (Tail(stem) == TailL ? stem[..^1] + (char)(stem[^1] - TailL) : stem) + "는";

    /// <summary>A verb's stem with 면 or 으면.</summary>
    public static string Conditional(string stem) => stem + (Tail(stem) is 0 or TailL ? "면" : "으면");

    /// <summary>The past stem from the 아/어 form: 마셔 gives 마셨.</summary>
    public static string Past(string infinitive) => Tail(infinitive) == 0
        ? infinitive[..^1] + (char)(infinitive[^1] + TailSs)
        : throw new FormatException($"'{infinitive}' is not an 아/어 form.");

    // The last sound's place among the final consonants, 0 for a vowel. Digits sound as they are read: 영, 일, 이 ...
    private static int Tail(string word) => word[^1] switch
    {
        >= (char)FirstSyllable and <= (char)LastSyllable and var last => (last - FirstSyllable) % Tails,
        '1' or '7' or '8' => TailL,
        '0' or '3' or '6' => Tails - 1,
        '2' or '4' or '5' or '9' => 0,
        _ => throw new FormatException($"'{word}' does not end in a Korean syllable, so no ending can be chosen."),
    };
}
