"""The top-level domains by which mail and chat programs recognize a bare host name.

The country codes of https://data.iana.org/TLD/tlds-alpha-by-domain.txt, and the generic domains with many
hosts. The names of brands are left out: m.weber is a user name more often than a host.
"""

_COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by
bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj
fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io
iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg
mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph
pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx
sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt
za zm zw
"""
_GENERIC = """
accountant aero agency app art asia autos bar beauty bet bid biz blog boats bond buzz cam casino center
cfd chat city click cloud club codes com company coop cricket cyou date dev digital directory domains
download edu email exchange expert express faith finance forsale fun games gdn global gov group guru
hair help homes host icu info ink int jobs land lat life link live loan lol ltd makeup market media men
mil mobi mom monster mov museum name net network news ninja one onion online org page parts party photos
pics post press pro pub quest racing red rent rest review reviews rip rocks run sale sbs science
services shop show site skin social software solutions space store stream studio support surf systems
tech technology tel tips today tokyo tools top trade travel video vin vip wang web webcam website wiki
win work works world wtf xin xxx xyz zip zone
"""
TOP_LEVEL_DOMAINS = frozenset(f"{_COUNTRIES} {_GENERIC}".split())
