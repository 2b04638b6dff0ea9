namespace Holdfast.Permissions.Rules;

/// <summary>
/// A mode as chmod takes it: octal, or symbolic clauses (<c>u=rwX,g+s,o-w</c>). Means what GNU chmod means by it, directories' set-id bits included: they stay unless they are named, or an octal mode has five digits.
/// </summary>
public sealed class ModeChange
{
    private const uint All = 0xFFF;
    private const uint SetIds = 0xC00;
    private const uint Sticky = 0x200;
    private const uint Anybody = 0x1FF;
    private const uint AnyRead = 0x124;
    private const uint AnyWrite = 0x92;
    private const uint AnyExecute = 0x49;

    private readonly List<Clause> _clauses = [];
    private readonly uint _mask;

    /// <summary>What becomes of each mode: of files, then of directories.</summary>
    private readonly ushort[] _results = new ushort[2 * (All + 1)];

    private ModeChange(string text, uint mask)
    {
        Text = text;
        _mask = mask;
    }

    /// <summary>As it was given.</summary>
    public string Text { get; }

    /// <summary>Reads a mode.</summary>
    /// <param name="text">Octal or symbolic.</param>
    /// <param name="mask">The umask: bits that clauses without a <c>u</c>, <c>g</c>, <c>o</c> or <c>a</c> leave alone.</param>
    /// <exception cref="PermissionException">It is no mode, or one that gives another result each time it is applied.</exception>
    public static ModeChange Parse(string text, uint mask)
    {
        var change = new ModeChange(text, mask);
        if (text.Length == 0 || !(text[0] is >= '0' and <= '7' ? change.ReadOctal(text) : text.Split(',').All(change.ReadClauses)))
        {
            throw new PermissionException(PermissionProblem.Invalid, $"\"{text}\" is no mode: give octal digits (0750) or clauses (u=rwX,g=rX,o=).");
        }

        for (uint mode = 0; mode <= All; mode++)
        {
            change._results[mode] = (ushort)change.Compute(mode, isDirectory: false);
            change._results[All + 1 + mode] = (ushort)change.Compute(mode, isDirectory: true);
        }

        change.CheckSettled();
        return change;
    }

    /// <summary>The mode after the change.</summary>
    /// <param name="mode">Permission, set-id and sticky bits.</param>
    /// <param name="isDirectory">True for a directory.</param>
    public uint Apply(uint mode, bool isDirectory) => _results[isDirectory ? All + 1 + mode : mode];

    /// <summary>A run that was interrupted repeats some entries: that must change nothing.</summary>
    private void CheckSettled()
    {
        for (uint mode = 0; mode <= All; mode++)
        {
            foreach (var isDirectory in new[] { false, true })
            {
                var once = Apply(mode, isDirectory);
                if (Apply(once, isDirectory) is var twice && twice != once)
                {
                    throw new PermissionException(PermissionProblem.Invalid, $"The mode \"{Text}\" gives another result when it is applied to its own ({Convert.ToString(mode, 8)} becomes {Convert.ToString(once, 8)}, then {Convert.ToString(twice, 8)}): a run could not be resumed. Change one class after the other, in two runs.");
                }
            }
        }
    }

    private uint Compute(uint mode, bool isDirectory)
    {
        foreach (var clause in _clauses)
        {
            var value = clause.Value;
            if (clause.Copies)
            {
                value &= mode;
                value |= ((value & AnyRead) != 0 ? AnyRead : 0) | ((value & AnyWrite) != 0 ? AnyWrite : 0) | ((value & AnyExecute) != 0 ? AnyExecute : 0);
            }

            if (clause.ExecutesIfAny && (isDirectory || (mode & AnyExecute) != 0))
            {
                value |= AnyExecute;
            }

            var kept = isDirectory ? SetIds & ~clause.Mentioned : 0;
            value &= (clause.Affected != 0 ? clause.Affected : ~_mask) & ~kept;
            mode = clause.Operation switch
            {
                '+' => mode | value,
                '-' => mode & ~value,
                _ => (mode & ((clause.Affected != 0 ? ~clause.Affected : 0) | kept)) | value,
            };
        }

        return mode & All;
    }

    private bool ReadOctal(string text)
    {
        if (ParseOctal(text) is not { } value)
        {
            return false;
        }

        _clauses.Add(new Clause('=', All, value, text.Length < 5 ? (value & SetIds) | Sticky | Anybody : All, Copies: false, ExecutesIfAny: false));
        return true;
    }

    /// <summary>Reads what stands between two commas: whose, then one or more operations.</summary>
    private bool ReadClauses(string text)
    {
        var at = 0;
        uint affected = 0;
        for (; at < text.Length && text[at] is 'u' or 'g' or 'o' or 'a'; at++)
        {
            affected |= text[at] switch { 'u' => 0x9C0u, 'g' => 0x438u, 'o' => 0x207u, _ => All };
            if (at + 1 == text.Length)
            {
                return false;
            }
        }

        if (at >= text.Length)
        {
            return false;
        }

        while (at < text.Length)
        {
            var operation = text[at++];
            if (operation is not ('+' or '-' or '='))
            {
                return false;
            }

            var end = text.AsSpan(at).IndexOfAny('+', '-', '=') is >= 0 and var next ? at + next : text.Length;
            if (ReadClause(operation, affected, text[at..end]) is not { } clause)
            {
                return false;
            }

            _clauses.Add(clause);
            at = end;
        }

        return true;
    }

    private static Clause? ReadClause(char operation, uint affected, string permissions)
    {
        if (permissions.Length > 0 && permissions[0] is >= '0' and <= '7')
        {
            return affected == 0 && ParseOctal(permissions) is { } octal ? new Clause(operation, All, octal, All, Copies: false, ExecutesIfAny: false) : null;
        }

        if (permissions is "u" or "g" or "o")
        {
            var copied = permissions switch { "u" => 0x1C0u, "g" => 0x38u, _ => 0x7u };
            return new Clause(operation, affected, copied, affected != 0 ? affected & copied : copied, Copies: true, ExecutesIfAny: false);
        }

        var (value, executes) = (0u, false);
        foreach (var permission in permissions)
        {
            switch (permission)
            {
                case 'r': value |= AnyRead; break;
                case 'w': value |= AnyWrite; break;
                case 'x': value |= AnyExecute; break;
                case 'X': executes = true; break;
                case 's': value |= SetIds; break;
                case 't': value |= Sticky; break;
                default: return null;
            }
        }

        return new Clause(operation, affected, value, affected != 0 ? affected & value : value, Copies: false, executes);
    }

    private static uint? ParseOctal(string text)
    {
        uint value = 0;
        foreach (var digit in text)
        {
            if (digit is < '0' or > '7' || (value = (value * 8) + (uint)(digit - '0')) > All)
            {
                return null;
            }
        }

        return value;
    }

    /// <summary>One operation.</summary>
    /// <param name="Operation">+, - or =.</param>
    /// <param name="Affected">Bits that the classes before it name; 0 if none are named.</param>
    /// <param name="Value">Bits it is about.</param>
    /// <param name="Mentioned">Bits that are meant expressly: a directory's set-id bits change only then.</param>
    /// <param name="Copies">The value is taken from what a class has.</param>
    /// <param name="ExecutesIfAny">Execution is meant for directories, and where anybody may execute (X).</param>
    private readonly record struct Clause(char Operation, uint Affected, uint Value, uint Mentioned, bool Copies, bool ExecutesIfAny);
}
