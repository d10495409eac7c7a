# The grammar of one declaration; lexer.ts makes the tokens and declarations.ts cuts a file into declarations first.
# `npm run grammar` makes grammar.generated.ts of it.
#
# Three kinds of word come from the lexer:
#   %name  plain: the only thing a declaration may be called
#   %soft  keyword: still good as a field, also bare (`where value > 3`)
#   %hard  keyword: a field only after a dot or as a key
# The builders are in nodes.ts: n("kind a _ b") makes { k: "kind", a, b, span } from the symbols of a production and
# drops those under "_". No text has two parses; what several forms share is one production (calls, `until x`), and
# the checker tells them apart by the names.
@{%
import { block, chain, duration, empty, id, n, namedType, nth, one, period, widened } from "./nodes.js";
%}
@lexer lexer

declaration ->
    "event" %name from:? retain:? record:?               {% n("event _ name from retain type") %}
  | "profile" retain:? record                            {% n("profile _ retain type") %}
  | "trait" %name "=" expr                               {% n("trait _ name _ value") %}
  | "segment" %name %string:? "when" held leaves:?       {% n("segment _ name label _ enter leave") %}
  | "channel" %name "{" policy:* "}"                     {% n("channel _ name _ policy") %}
  | "channels" %name "=" names "{" policy:* "}"          {% n("channels _ name _ members _ policy") %}
  | "points" %name "{" earning:* "}"                     {% n("points _ name _ lines") %}
  | "tier" %name "by" expr "{" level:+ "}"               {% n("tier _ name _ value _ levels") %}
  | "experiment" %name "{" arm:* "}"                     {% n("experiment _ name _ lines") %}
  | "metric" %name "=" expr                              {% n("metric _ name _ value") %}
  | "rule" %name %string:? "{" clause:* step:* "}"       {% n("rule _ name label _ clauses steps") %}
  | "test" %string with:? "{" line:* "}"                 {% n("test _ name with _ lines") %}

# ---- types ----
from    -> "from" %string                                {% nth(1) %}
retain  -> "retain" duration                             {% nth(1) %}
record  -> "{" member:* "}"                              {% n("record _ fields") %}
member  -> property ",":?                                {% nth(0) %}
property -> field ":" type from:? default:?              {% n("field name _ type from default") %}
default -> "=" expr                                      {% nth(1) %}
type    -> typename                                      {% namedType %}
  | record                                               {% nth(0) %}
  | union                                                {% n("union of") %}
  | type "[" "]"                                         {% n("listof of") %}
  | type "?"                                             {% n("optional of") %}
  | "(" type ")"                                         {% widened(1) %}
typename -> "string" {% id %} | "number" {% id %} | "boolean" {% id %} | "time" {% id %} | "date" {% id %} | "duration" {% id %}
union   -> %string {% one %} | union "|" %string         {% chain(2) %}

# ---- segments, channels, points, experiments ----
held    -> expr for:?                                    {% n("held if for") %}
for     -> "for" "at" "least" duration                   {% nth(3) %}
leaves  -> "until" held                                  {% nth(1) %}
names   -> %name {% one %} | names "," %name             {% chain(2) %}
policy  -> "when" expr                                   {% n("when _ if") %}
  | "quiet" %clock "to" %clock                           {% n("quiet _ from _ to") %}
  | "quiet" "when" expr                                  {% n("quietif _ _ if") %}
  | cap                                                  {% id %}
cap     -> "at" "most" %number "per" span                {% n("cap _ _ count _ per") %}
span    -> duration {% id %} | "day" {% period %} | "week" {% period %} | "month" {% period %} | "year" {% period %}
earning -> "earn" expr "on" event cap:?                  {% n("earn _ amount _ on cap") %}
  | "expire" "after" duration                            {% n("expire _ _ after") %}
level   -> label "at" %number                            {% n("level name _ at") %}
label   -> %name {% id %} | %soft                        {% id %}
arm     -> label %number "%"                             {% n("arm name percent _") %}
  | "goal" event "within" duration worth:?               {% n("goal _ on _ within value") %}
worth   -> "value" expr                                  {% nth(1) %}

# ---- rules ----
event   -> %name where:?                                 {% n("on event where") %}
where   -> "where" expr                                  {% nth(1) %}
events  -> event {% one %} | events "," event            {% chain(2) %}
moment  -> events                                        {% n("events events") %}
  | change                                               {% id %}
change  -> "enter" %name                                 {% n("enter _ name") %}
  | "leave" %name                                        {% n("leave _ name") %}
  | %name "up"                                           {% n("up name _") %}
  | %name "down"                                         {% n("down name _") %}
  | "change" expr                                        {% n("change _ of") %}

clause  -> "on" moment                                   {% n("start _ moment") %}
  | "on" schedule                                        {% n("schedule _ every") %}
  | "when" expr                                          {% n("when _ if") %}
  | "per" expr                                           {% n("per _ key") %}
  | "repeat" "restart"                                   {% n("repeat _ _") %}
  | "priority" %number                                   {% n("priority _ value") %}
  | cap                                                  {% id %}
  | "until" until                                        {% widened(1) %}
# `until x` alone may be an event, a segment or a trait: the grammar makes it a condition, names decide later.
# Everything that can only be a moment has its own line; so no text is both.
until   -> expr                                          {% n("untilif if") %}
  | certain                                              {% n("untilon moment") %}
certain -> filtered                                      {% n("events events") %}
  | several                                              {% n("events events") %}
  | change                                               {% id %}
filtered -> filter                                       {% one %}
filter  -> %name where                                   {% n("on event where") %}
several -> events "," event                              {% chain(2) %}

schedule -> "every" "day" "at" %clock                    {% n("daily _ _ _ at") %}
  | "every" weekday "at" %clock                          {% n("weekly _ day _ at") %}
  | "every" "month" "on" %number "at" %clock             {% n("monthly _ _ _ day _ at") %}
  | "every" "year" "on" expr "at" %clock                 {% n("yearly _ _ _ date _ at") %}
weekday -> "monday" {% id %} | "tuesday" {% id %} | "wednesday" {% id %} | "thursday" {% id %} | "friday" {% id %} | "saturday" {% id %} | "sunday" {% id %}

step    -> "wait" expr                                   {% n("wait _ for") %}
  | "wait" "until" %clock                                {% n("waitclock _ _ at") %}
  | "wait" "until" weekday %clock                        {% n("waitday _ _ day at") %}
  | "wait" "until" expr                                  {% n("waittime _ _ at") %}
  | "wait" "for" moment "up" "to" duration as:? fork:?   {% n("waitfor _ _ moment _ _ within as fork") %}
  | if                                                   {% id %}
  | "send" %name %string object:? "urgent":?             {% n("send _ channel template payload urgent") %}
  | "emit" %string object:?                              {% n("emit _ name payload") %}
  | "set" target "=" expr                                {% n("set _ target _ value") %}
  | "tag" %string                                        {% n("tag _ tag") %}
  | "untag" %string                                      {% n("untag _ tag") %}
  | "award" expr %name                                   {% n("award _ amount points") %}
  | "take" expr %name fork:?                             {% n("take _ amount points fork") %}
  | "split" %name "{" branch:+ "}"                       {% n("split _ experiment _ branches _") %}
  | "stop"                                               {% n("stop _") %}
as      -> "as" %name                                    {% nth(1) %}
fork    -> block forkelse:?                              {% n("fork then else") %}
forkelse -> "else" block                                 {% nth(1) %}
block   -> "{" step:* "}"                                {% block %}
branch  -> label block                                   {% n("branch name steps") %}
# The step and the conditional value both begin with `if`; the word after the condition, `{` or `then`, tells them apart.
if      -> "if" expr block otherwise:?                   {% n("if _ if then else") %}
otherwise -> "else" block {% nth(1) %} | "else" if       {% chain(1) %}
target  -> root "." field                                {% chain(2) %}
  | target "." field                                     {% chain(2) %}
root    -> "profile"                                     {% empty %}

# ---- tests ----
with    -> "with" names                                  {% nth(1) %}
line    -> "profile" object                              {% n("profile _ value") %}
  | "customer" %string                                   {% n("customer _ id") %}
  | "variant" %name "=" %string                          {% n("variant _ experiment _ name") %}
  | "at" instant happening:?                             {% n("at _ time event") %}
  | "after" duration happening:?                         {% n("after _ delay event") %}
  | "expect" expected                                    {% n("expect _ what") %}
instant -> %date %clock                                  {% n("instant date clock") %}
happening -> %name object:? late:?                       {% n("happening event data late") %}
late    -> "late" "by" duration                          {% nth(2) %}
expected -> action                                       {% id %}
  | "at" instant action                                  {% n("timed _ at action") %}
  | "nothing"                                            {% n("nothing _") %}
  | "nothing" "else"                                     {% n("nothingelse _ _") %}
  | "held" %name %string                                 {% n("heldmsg _ channel template") %}
  | "suppressed" %name "by" %name                        {% n("suppressed _ channel _ reason") %}
  | expr                                                 {% n("holds if") %}
action  -> "send" %name %string object:?                 {% n("send _ channel template payload") %}
  | "emit" %string object:?                              {% n("emit _ name payload") %}

# ---- expressions, loosest first ----
expr    -> "if" expr "then" expr "else" expr             {% n("choose _ if _ then _ else") %}
  | or                                                   {% id %}
or      -> or "or" and                                   {% n("binary left op right") %} | and      {% id %}
and     -> and "and" not                                 {% n("binary left op right") %} | not      {% id %}
not     -> "not" not                                     {% n("not _ of") %}             | compare  {% id %}
compare -> coalesce comparator coalesce                  {% n("binary left op right") %} | coalesce {% id %}
comparator -> "==" {% id %} | "!=" {% id %} | "<" {% id %} | "<=" {% id %} | ">" {% id %} | ">=" {% id %} | "in" {% id %} | "contains" {% id %} | "like" {% id %}
coalesce -> coalesce "??" sum                            {% n("binary left op right") %} | sum      {% id %}
sum     -> sum plus product                              {% n("binary left op right") %} | product  {% id %}
plus    -> "+" {% id %} | "-" {% id %} | "without"       {% id %}
product -> product times minus                           {% n("binary left op right") %} | minus    {% id %}
times   -> "*" {% id %} | "/" {% id %} | "%"             {% id %}
minus   -> "-" minus                                     {% n("minus _ of") %}           | postfix  {% id %}
postfix -> postfix "." field                             {% n("dot of _ field") %}
  | postfix "[" expr "]"                                 {% n("index of _ at _") %}
  | postfix "over" duration                              {% n("over of _ window") %}
  | postfix "this" period                                {% n("this of _ period") %}
  | postfix "within" duration                            {% n("within of _ window") %}
  | primary                                              {% id %}
period  -> "day" {% period %} | "week" {% period %} | "month" {% period %} | "year" {% period %} | "run" {% period %}
primary -> %number                                       {% id %}
  | duration                                             {% id %}
  | %string                                              {% id %}
  | %date                                                {% id %}
  | instant                                              {% id %}
  | "true"                                               {% n("true _") %}
  | "false"                                              {% n("false _") %}
  | "null"                                               {% n("null _") %}
  | bare                                                 {% n("name name") %}
  | "(" expr ")"                                         {% widened(1) %}
  | object                                               {% id %}
  | list                                                 {% id %}
  | bare "(" arguments ")"                               {% n("call of _ arguments") %}
  | "no" event "for" duration                            {% n("no _ on _ for") %}
arguments -> argument {% one %} | arguments "," argument {% chain(2) %}
argument -> expr of:? where:? among:?                    {% n("argument value of where among") %}
among   -> "among" expr                                  {% nth(1) %}
of      -> "of" path                                     {% nth(1) %}
path    -> bare                                          {% one %}
  | path "." field                                       {% chain(2) %}
bare    -> %name {% id %} | %soft                        {% id %}
field   -> %name {% id %} | %soft {% id %} | %hard       {% id %}
list    -> "[" nothing "]" {% n("list _ items") %} | "[" exprs "]" {% n("list _ items") %}
nothing -> null {% empty %}
exprs   -> expr {% one %} | exprs "," expr               {% chain(2) %}
object  -> "{" nothing "}" {% n("object _ entries") %} | "{" entries ",":? "}" {% n("object _ entries") %}
entries -> entry {% one %} | entries "," entry           {% chain(2) %}
entry   -> field ":" expr                                {% n("entry name _ value") %}
duration -> %number unit                                 {% duration %}
unit    -> "second" {% id %} | "seconds" {% id %} | "minute" {% id %} | "minutes" {% id %} | "hour" {% id %} | "hours" {% id %} | "day" {% id %} | "days" {% id %}
  | "week" {% id %} | "weeks" {% id %} | "month" {% id %} | "months" {% id %} | "year" {% id %} | "years" {% id %}
