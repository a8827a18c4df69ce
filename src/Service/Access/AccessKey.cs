using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Workflows.Service.Access;

/// <summary>An API key as it is stored, without its secret.</summary>
/// <param name="Id">12 hexadecimal digits, which are part of the key.</param>
/// <param name="Name">The name that logs and ledgers show.</param>
/// <param name="Role">Its rights.</param>
/// <param name="Hash">SHA-256 of the whole key, 64 hexadecimal digits.</param>
/// <param name="CreatedAt">The time at which it was made.</param>
/// <param name="ExpiresAt">The time from which on it is refused; null for never.</param>
public sealed record AccessKey(
    string Id, string Name, AccessRole Role, string Hash, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt)
{
    /// <summary>Begins every key, for people and for programs that search for leaked secrets.</summary>
    public const string Prefix = "wfk_";

    private const int IdBytes = 6, SecretBytes = 32;

    /// <summary>Makes a key.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="role">Its rights.</param>
    /// <param name="now">The time.</param>
    /// <param name="lifetime">The time for which it is valid; null for ever.</param>
    /// <returns>The key as it is stored, and the text that its holder sends.</returns>
    internal static (AccessKey Key, string Text) Make(
        string name, AccessRole role, DateTimeOffset now, TimeSpan? lifetime)
    {
        var id = RandomNumberGenerator.GetHexString(2 * IdBytes, lowercase: true);
        var text = $"{Prefix}{id}_{RandomNumberGenerator.GetHexString(2 * SecretBytes, lowercase: true)}";
        return (new AccessKey(id, name, role, Convert.ToHexStringLower(HashOf(text)), now, now + lifetime), text);
    }

    /// <summary>Returns the id of a text that has the form of a key; null for every other text.</summary>
    internal static string? IdOf(string text) =>
        KeyForm.Instance().Match(text) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>Compares a text with the key, in constant time.</summary>
    internal bool IsRight(string text) =>
        CryptographicOperations.FixedTimeEquals(HashOf(text), Convert.FromHexString(Hash));

    /// <summary>Returns whether the key is refused for its age.</summary>
    internal bool HasExpired(DateTimeOffset now) => now >= ExpiresAt;

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}

/// <summary>The form of a key.</summary>
internal static partial class KeyForm
{
    [GeneratedRegex(@"^wfk_([0-9a-f]{12})_[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Instance();
}
